/** Debian's saslauthd with PAM, whose users are lines of a file: libpam-pwdfile. PAM's own folder takes only root. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

import { encrypt } from "unixcrypt";

import { missing } from "../../../fakes/need.ts";
import { Saslauthd } from "../../../fakes/saslauthd.ts";
import type { StageBuilder } from "../stage.ts";

const services = "/etc/pam.d";

export const stage: StageBuilder = {
  isMissing: () => missing("saslauthd", "pam_pwdfile"),
  async build(users) {
    const folder = mkdtempSync(join(tmpdir(), "gmto-pam-"));
    const file = join(folder, "users");
    const lines = [...users].map(([user, password]) => `${user}:${encrypt(password, "$6$rounds=1000$abcdefgh")}\n`);
    writeFileSync(file, lines.join(""), { mode: 0o600 });
    const service = basename(folder).toLowerCase();
    const rules = `auth required pam_pwdfile.so nodelay pwdfile=${file}\naccount required pam_permit.so\n`;
    writeFileSync(join(services, service), rules);
    const server = await Saslauthd.start("pam", []);
    return {
      settings: { socket: server.socket, service },
      leave: () => server.kill(),
      hang: async () => server.freeze(),
      comeBack: () => server.comeBack(),
      async close() {
        await server.close();
        rmSync(join(services, service), { force: true });
        rmSync(folder, { recursive: true, force: true });
      },
    };
  },
};
