/** Debian's Dovecot, over IMAP with TLS from the first byte. */
import type { StageBuilder } from "../stage.ts";
import { Dovecot } from "../../../fakes/dovecot.ts";
import { missing } from "../../../fakes/need.ts";
import { isRoot } from "../../../fakes/postfix.ts";

export const stage: StageBuilder = {
  isMissing: () => !isRoot() || missing("dovecot") || missing("openssl"),
  async build(users) {
    const server = await Dovecot.start(users);
    return {
      settings: { url: `imaps://localhost:${server.imaps}`, ca_file: server.ca },
      leave: () => server.kill(),
      hang: async () => server.freeze(),
      comeBack: () => server.comeBack(),
      close: () => server.close(),
    };
  },
};
