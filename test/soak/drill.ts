/** All cases of `goodmailto drill`, with a configuration that signs its list and with one that does not: a minute or two. */
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
/** What the last line says, by configuration. */
const sites = [
  ['public_key_file = "not-there.pub"', "Every promise held in 19 cases."],
  ["", "Promises did not hold in 1 of 19 cases: list-foreign."],
] as const;

/** @returns the exit code of `npm run soak -- drill` */
export async function runDrills(): Promise<number> {
  const scene = new Scene();
  let code = 0;
  for (const [i, [snapshot, expected]] of sites.entries()) {
    const start = performance.now();
    const config = scene.write(`site-${i}.toml`, site(snapshot));
    const { stdout, stderr } = await scene.run(node, [main, "drill", "-c", config]).ended(600_000);
    const last = stdout.trimEnd().split("\n").at(-1) ?? "";
    process.stdout.write(`${((performance.now() - start) / 1000).toFixed(1)} s: ${last}\n`);
    if (last !== expected) {
      process.stdout.write(`Expected: ${expected}\n${stdout}${stderr}`);
      code = 1;
    }
  }
  await scene.close();
  return code;
}
