/** A chain of checks by chance: what each may do to a message, and what must be seen of it. */
import { join } from "node:path";

import { variants } from "../checks/scanners/variants.ts";
import type { Variant } from "../checks/scanners/variants.ts";
import type { ServiceName } from "../fakes/content-services.ts";
import { asPassedOn } from "../fakes/messages.ts";
import { withoutFields } from "../fakes/header-fields.ts";
import type { Split } from "../fakes/header-fields.ts";
import { ownLink } from "./content-own.ts";
import type { Link } from "./content-own.ts";
import type { Plan } from "./content-plan.ts";

const folder = join(import.meta.dirname, "../message/checks");

export interface Chain {
  /** In the order in which they run, for what a failure prints. */
  readonly names: readonly string[];
  /** TOML. */
  readonly config: string;
  /** What is left of a message when everything is taken away that a check may change. */
  expected(plan: Plan): Split;
  seen(arrived: string): Split;
  /** What is wrong with a message that arrived, beyond its octets. */
  complaints(plan: Plan, arrived: string): Promise<readonly string[]>;
}

const nothing = /^(?!)/;
const footer = "-- \r\n.footer\r\n";

/** @param isUser whether clients have logged in: only scanners of viruses look at their mail */
function linkOf(name: string, variant: Variant, place: string, random: () => number, isUser: boolean): Link {
  const onError = ["pass", "defer", "refuse"][Math.floor(random() * 3)] ?? "";
  const observes = random() < 0.1;
  return {
    check: variant.check,
    section: `${variant.section(place)}\non_error = "${onError}"\ntimeout = "400ms"${observes ? '\nmode = "observe"' : ""}`,
    owns: variant.owns,
    complaint: (plan, arrived) => {
      const isScanned = !isUser || /^(?:clamav|scanner)$/.test(variant.check);
      if (observes || onError === "pass" || plan.isLarge || !isScanned) {
        return undefined;
      }
      if (plan.isCondemned) {
        // With split each recipient has a threshold of its own.
        return variant.refuses === undefined || variant.check === "spamassassin" ? undefined : `${name} lets it pass`;
      }
      return variant.marks?.test(arrived) === false ? `${name} did not mark it` : undefined;
    },
  };
}

/** host:port of each service. */
export type Places = Readonly<Record<ServiceName | "milter", string>>;

function milterLink(place: string, random: () => number): Link {
  const action = ["accept", "defer", "refuse", "off"][Math.floor(random() * 4)] ?? "";
  const isStrict = action === "defer" || action === "refuse";
  return {
    check: "milter",
    section: `url = "inet:${place}"\ndefault_action = "${action}"\ntimeout = { connect = "1s", command = "400ms", body = "400ms" }`,
    owns: /^x-milter$/i,
    complaint: (plan, arrived) => {
      if (!isStrict) {
        return undefined;
      }
      if (plan.isCondemned) {
        return "the milter lets it pass";
      }
      return /^X-Milter: seen\r$/m.test(arrived) ? undefined : "the milter did not mark it";
    },
  };
}

const outside: Readonly<Record<string, readonly Omit<Link, "check" | "isOutside">[]>> = {
  tapper: [{ section: "", owns: nothing }],
  editor: [
    { section: "", owns: nothing },
    { section: 'subject = "new"\nwait = "3ms"', owns: /^(?:subject|x-old|x-was)$/i },
  ],
  holder: [
    { section: 'wait = "3ms"', owns: nothing },
    { section: `append = ${JSON.stringify(footer)}`, owns: nothing, appends: footer },
    { section: `append = ${JSON.stringify(footer)}\nbreaks = true`, owns: nothing },
  ],
};

/** @param places of the services; a service that is not there has a port where nobody listens */
export function chainOf(random: () => number, places: Places): Chain {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const links = new Map<string, Link>();
  const names: string[] = [];
  const isUser = random() < 0.5;
  for (let left = Math.floor(random() * 5); left > 0; left--) {
    const plugin = pick(Object.keys(outside));
    const [name, variant] = pick(Object.entries(variants));
    const kind = random();
    const link: Link =
      kind < 0.3
        ? { ...pick(outside[plugin] ?? []), check: plugin, isOutside: true }
        : kind < 0.42
          ? milterLink(places.milter, random)
          : kind < 0.65
            ? ownLink(random, isUser)
            : linkOf(name, variant, "service" in variant.asks ? places[variant.asks.service] : "", random, isUser);
    if (!links.has(link.check)) {
      links.set(link.check, link);
      names.push(`${kind < 0.65 ? link.check : name} (${link.section.replaceAll("\n", ", ")})`);
    }
  }
  const all = [...links.values()];
  return { names: [...(isUser ? ["a login"] : []), ...names], config: configOf(all, isUser), ...judgeBy(all) };
}

function configOf(links: readonly Link[], isUser: boolean): string {
  const load = links.filter(({ isOutside }) => isOutside).map(({ check }) => join(folder, `${check}.ts`));
  const isSplit = links.some(({ check }) => check === "split");
  const run = [...(isSplit ? ["aliases"] : []), ...links.map(({ check }) => check), "goodmailto"];
  return [
    ...(isSplit ? ['[checks.aliases]\nfile = "{folder}/aliases"\nunknown = "pass"'] : []),
    ...(isUser ? ['[[listener]]\nname = "smtp"\nlisten = ["127.0.0.1:0"]\nvariables = { SMTPAUTHUSER = "ann" }'] : []),
    `[checks]\nload = ${JSON.stringify(load)}\nrun = ${JSON.stringify(run)}`,
    ...links.map(({ check, section }) => `[checks.${check}]\n${section}`),
  ].join("\n");
}

function judgeBy(links: readonly Link[]): Pick<Chain, "expected" | "seen" | "complaints"> {
  const owned = new RegExp(links.map(({ owns }) => `(?:${owns.source})`).join("|") || nothing.source, "i");
  const appended = links.map(({ appends = "" }) => appends).join("");
  return {
    expected: ({ content }) => {
      const { fields: left, body } = withoutFields(asPassedOn(content), owned);
      return { fields: left, body: body + appended };
    },
    seen: (arrived) => withoutFields(arrived, owned),
    complaints: async (plan, arrived) => {
      const all = await Promise.all(links.map(async ({ complaint }) => complaint?.(plan, arrived)));
      return all.filter((one) => one !== undefined);
    },
  };
}
