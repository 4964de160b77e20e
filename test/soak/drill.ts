/**
 * All cases of `goodmailto drill`, with a configuration that signs its list and with one that does not, and promtool with
 * what was counted: the same alerts must fire. A minute or two.
 */
import type { Outcome } from "../../src/drill/outcome.ts";
import { disagreement } from "../drill/same-rules.ts";
import { missing } from "../fakes/need.ts";
import { main } from "../program.ts";
import { node, Scene } from "../end-to-end/scene.ts";

const site = (snapshot: string): string => `[domains]
relay = ["kontor.example"]
[snapshot]
${snapshot}
[[source]]
name = "ldap"
type = "ldap"
preset = "openldap"
url = ["ldaps://192.0.2.10"]
bind_dn = "cn=reader"
password_file = "not-there"
[alert]
mail = ["ops@kontor.example"]
[[route]]
domain = "*"
next_hop = "smtp://192.0.2.25:25"
`;
/** What the summary says, by configuration. */
const sites = [
  ['public_key_file = "not-there.pub"', "Every promise held in 19 cases."],
  ["", "Every promise held in 18 cases. Not protected by this configuration: list-foreign."],
] as const;

/** @returns the exit code of `npm run soak -- drill` */
export async function runDrills(): Promise<number> {
  const scene = new Scene();
  let code = 0;
  if (missing("promtool")) {
    process.stdout.write("Needs promtool.\n");
    return 1;
  }
  for (const [i, [snapshot, expected]] of sites.entries()) {
    const start = performance.now();
    const config = scene.write(`site-${i}.toml`, site(snapshot));
    const { stdout, stderr } = await scene.run(node, [main, "drill", "-c", config, "--json"]).ended(600_000);
    const { summary, cases } = JSON.parse(stdout) as { summary: string; cases: Outcome[] };
    process.stdout.write(`${((performance.now() - start) / 1000).toFixed(1)} s: ${summary}\n`);
    const otherRules = disagreement(cases, Date.now());
    for (const { name, paged } of cases) {
      process.stdout.write(`  ${name}: ${paged?.rules.map((rule) => rule.name).join(", ") ?? ""}\n`);
    }
    if (summary !== expected || otherRules !== "") {
      process.stdout.write(`Expected: ${expected}\n${stderr}Rules by promtool: ${otherRules}\n`);
      code = 1;
    }
  }
  await scene.close();
  return code;
}
