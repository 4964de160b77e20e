/** Debian's saslauthd in front of a real slapd. */
import type { StageBuilder } from "../stage.ts";
import { missing } from "../../../fakes/need.ts";
import { Saslauthd } from "../../../fakes/saslauthd.ts";
import { startSlapd } from "../../../fakes/slapd.ts";

const suffix = "dc=kontor,dc=example";

function person(user: string, password: string): string {
  const [name = ""] = user.split("@");
  const secret = Buffer.from(password).toString("base64");
  return `dn: uid=${name},${suffix}\nobjectClass: inetOrgPerson\nuid: ${name}\ncn: ${name}\nsn: ${name}\nmail: ${user}\nuserPassword:: ${secret}\n`;
}

export const stage: StageBuilder = {
  isMissing: () => missing("saslauthd") || missing("slapd"),
  async build(users) {
    const top = `dn: ${suffix}\nobjectClass: dcObject\nobjectClass: organization\no: kontor\ndc: kontor\n`;
    const ldif = [top, ...[...users].map(([user, password]) => person(user, password))].join("\n");
    const slapd = await startSlapd({ suffix, schemas: ["core", "cosine", "inetorgperson"], ldif });
    const server = await Saslauthd.start("ldap", [
      `ldap_servers: ${slapd.ldap}`,
      `ldap_search_base: ${suffix}`,
      "ldap_filter: (mail=%u)",
    ]);
    return {
      settings: { socket: server.socket },
      leave: () => server.kill(),
      hang: async () => server.freeze(),
      comeBack: () => server.comeBack(),
      async close() {
        await server.close();
        await slapd.stop();
      },
    };
  },
};
