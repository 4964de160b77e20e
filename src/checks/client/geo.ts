/** geo: clients by city and country, from a MaxMind database; qpsmtpd's geo_blacklist_whitelist with its two files. */
import * as field from "../../config/fields.ts";
import { GeoDatabase } from "../../files/geo-database.ts";
import type { GeoPlace } from "../../files/geo-database.ts";
import type { ListEntry, Remark } from "../../files/list-reader.ts";
import type { CheckSession } from "../../hooks/check-session.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { immune } from "../../hooks/exemption.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import { normalIp } from "../../mail/network.ts";
import { reply } from "../../mail/reply.ts";

const text = "Mail from your region is not accepted here";
const refused = {
  connection: refuse("region", reply(554, "5.7.1", text)),
  rcpt: refuse("region", reply(550, "5.7.1", text)),
};

/** One spelling for a city, whatever its letter case and however its accents are composed. */
function keyOf(city: string, country: string): string {
  return `${city.normalize("NFC").toLowerCase()}.${country.toLowerCase()}`;
}

/** Entries are `CITY.CC`; the last dot divides them, as a city's name may have one. */
function readPlaces(entries: readonly ListEntry[], skip: Remark): ReadonlySet<string> {
  const places = new Set<string>();
  for (const entry of entries) {
    const [, city, country] = /^(.+)\.(\*|[A-Za-z]{2})$/.exec(entry.text) ?? [];
    if (city === undefined || country === undefined) {
      skip(entry, 'can never match: an entry is CITY.CC, CC being two letters; "*" in place of either is any');
    } else {
      places.add(keyOf(city.trim(), country));
    }
  }
  return places;
}

function holds(places: ReadonlySet<string>, { city, country }: GeoPlace): boolean {
  // Without entries there is nothing to spell.
  return (
    places.size > 0 &&
    [keyOf(city, country), keyOf("*", country), keyOf(city, "*"), "*.*"].some((key) => places.has(key))
  );
}

export const geo: CheckDefinition = defineCheck({
  name: "geo",
  doc: "Refuses clients whose address is, according to a MaxMind database, in a city or country of geo_blacklist and not in one of geo_whitelist. The database is not included, because MaxMind distributes it under its own licence (GeoLite2, with a free key).",
  original:
    "qpsmtpd plugin geo_blacklist_whitelist, with its two files; 554 instead of the greeting, as RFC 5321 3.1 requires, rather than 550, is goodmailto's own choice.",
  failure:
    "Without a database, and for addresses that are not in it, accepts everything. If a new database cannot be read, the previous one stays in use. An empty or missing blacklist refuses nobody.",
  stage: "policy",
  hooks: ["connection", "rcpt"],
  unless: [...immune, "special recipient"],
  settings: {
    database: field.listFile(
      "Path of the database: GeoLite2-City or one with the same fields (GeoLite2-Country has no cities). Read again when it is replaced.",
      "/var/lib/GeoIP/GeoLite2-City.mmdb",
    ),
    blacklist: field.listFile(
      'Places that are refused, one per line: "Seattle.US", "*.US" for a country, "*.*" for every place in the database. Cities by their English names. Case does not matter.',
      "geo_blacklist",
    ),
    whitelist: field.listFile(
      "Places that are accepted even if the blacklist has them, in the same form.",
      "geo_whitelist",
    ),
    at: field.choice(
      ["connection", "rcpt"],
      "connection",
      "When to refuse. connection: instead of the greeting, so that no user there can log in. rcpt: at each recipient.",
    ),
  },
  reasons: { region: "client of a listed region" },
  create({ database, blacklist, whitelist, at }, { lists, log, now }) {
    const black = lists.list(blacklist, readPlaces);
    const white = lists.list(whitelist, readPlaces);
    const places = new GeoDatabase(
      () => lists.path(database),
      now,
      (path, fault) => log.warning("geo", "database cannot be read, keeping the previous one", { path, fault }),
    );
    const judge = (place: GeoPlace | undefined, session: CheckSession) => {
      if (place === undefined || !holds(black.current(), place) || holds(white.current(), place)) {
        return pass;
      }
      const { id, client } = session;
      log.info("geo", "listed region", { session: id, ip: client.ip, city: place.city, country: place.country });
      return refused[at];
    };
    const ask = (session: CheckSession) => {
      const place = places.find(normalIp(session.client.ip));
      return place instanceof Promise ? place.then((known) => judge(known, session)) : judge(place, session);
    };
    return {
      connection: (session) => (at === "connection" ? ask(session) : pass),
      rcpt: (session) => (at === "rcpt" ? ask(session) : pass),
    };
  },
});
