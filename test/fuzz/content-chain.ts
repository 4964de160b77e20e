/** A chain of checks by chance: what each may do to a message, and what must be seen of it. */
import { join } from "node:path";

import { variants } from "../checks/scanners/variants.ts";
import type { Variant } from "../checks/scanners/variants.ts";
import type { ServiceName } from "../fakes/content-services.ts";
import { asPassedOn } from "../fakes/messages.ts";
import { withoutFields } from "../fakes/header-fields.ts";
import type { Split } from "../fakes/header-fields.ts";
import type { Plan } from "./content-plan.ts";

const folder = join(import.meta.dirname, "../message/checks");

/** One check of a chain. */
interface Link {
  readonly check: string;
  readonly section: string;
  /** Of test/message/checks. */
  readonly isOutside?: boolean;
  readonly owns: RegExp;
  /** Behind the body. */
  readonly appends?: string;
  /** Why a message that arrived must not have. */
  complaint?(plan: Plan, arrived: string): string | undefined;
}

export interface Chain {
  /** In the order in which they run, for what a failure prints. */
  readonly names: readonly string[];
  /** TOML. */
  readonly config: string;
  /** What is left of a message when everything is taken away that a check may change. */
  expected(plan: Plan): Split;
  seen(arrived: string): Split;
  /** What is wrong with a message that arrived, beyond its octets. */
  complaints(plan: Plan, arrived: string): readonly string[];
}

const nothing = /^(?!)/;
const footer = "-- \r\n.footer\r\n";

function linkOf(name: string, variant: Variant, place: string, random: () => number): Link {
  const onError = ["pass", "defer", "refuse"][Math.floor(random() * 3)] ?? "";
  const observes = random() < 0.1;
  return {
    check: variant.check,
    section: `${variant.section(place)}\non_error = "${onError}"\ntimeout = "400ms"${observes ? '\nmode = "observe"' : ""}`,
    owns: variant.owns,
    complaint: (plan, arrived) => {
      if (observes || onError === "pass") {
        return undefined;
      }
      if (plan.isCondemned) {
        return variant.refuses === undefined ? undefined : `${name} lets it pass`;
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
  for (let left = Math.floor(random() * 5); left > 0; left--) {
    const plugin = pick(Object.keys(outside));
    const [name, variant] = pick(Object.entries(variants));
    const kind = random();
    const link: Link =
      kind < 0.3
        ? { ...pick(outside[plugin] ?? []), check: plugin, isOutside: true }
        : kind < 0.5
          ? milterLink(places.milter, random)
          : linkOf(name, variant, "service" in variant.asks ? places[variant.asks.service] : "", random);
    if (!links.has(link.check)) {
      links.set(link.check, link);
      names.push(`${kind < 0.5 ? link.check : name} (${link.section.replaceAll("\n", ", ")})`);
    }
  }
  return { names, config: configOf([...links.values()]), ...judgeBy([...links.values()]) };
}

function configOf(links: readonly Link[]): string {
  const load = links.filter(({ isOutside }) => isOutside).map(({ check }) => join(folder, `${check}.ts`));
  const run = [...links.map(({ check }) => check), "goodmailto"];
  return [
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
    complaints: (plan, arrived) => links.flatMap(({ complaint }) => complaint?.(plan, arrived) ?? []),
  };
}
