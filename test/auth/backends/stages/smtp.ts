/** A real Postfix with STARTTLS, which asks Dovecot; it is Dovecot that goes away, so that Postfix must say 454. */
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import type { StageBuilder } from "../stage.ts";
import { Dovecot } from "../../../fakes/dovecot.ts";
import { missing } from "../../../fakes/need.ts";
import { isRoot, startPostfix } from "../../../fakes/postfix.ts";

export const stage: StageBuilder = {
  isMissing: () => !isRoot() || missing("dovecot") || missing("postfix"),
  async build(users) {
    const dovecot = await Dovecot.start(users);
    const postfix = await startPostfix({
      main: {
        smtpd_sasl_auth_enable: "yes",
        smtpd_sasl_type: "dovecot",
        smtpd_sasl_path: dovecot.authSocket,
        smtpd_tls_security_level: "may",
        smtpd_tls_auth_only: "yes",
        smtpd_tls_cert_file: join(dovecot.folder, "localhost.pem"),
        smtpd_tls_key_file: join(dovecot.folder, "localhost.key"),
        service_throttle_time: "1s",
        smtpd_client_connection_count_limit: "0",
        smtpd_error_sleep_time: "0s",
      },
    });
    return {
      settings: { url: `smtp://localhost:${postfix.port}`, ca_file: dovecot.ca },
      leave: () => dovecot.kill(),
      hang: async () => dovecot.freeze(),
      async comeBack() {
        await dovecot.comeBack();
        await greeted(postfix.port);
      },
      async close() {
        await postfix.stop();
        await dovecot.close();
      },
    };
  },
};

/** Postfix waits for a second before it starts a process again that could not reach Dovecot. */
async function greeted(port: number): Promise<void> {
  const end = Date.now() + 30_000;
  while (!(await isGreeting(port))) {
    if (Date.now() > end) {
      throw new Error(`Postfix does not answer at port ${port}`);
    }
    await delay(100);
  }
}

async function isGreeting(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    const [chunk] = (await once(socket, "data", { signal: AbortSignal.timeout(3000) })) as [Buffer];
    return chunk.toString().startsWith("220");
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
