/** A real MariaDB with vpopmail's table, on a Unix socket. */
import { MariaDb } from "../../../fakes/mariadb.ts";
import { missing } from "../../../fakes/need.ts";
import type { StageBuilder } from "../stage.ts";
import { vpopmailRows, vpopmailTable } from "../vpopmail.ts";

export const stage: StageBuilder = {
  isMissing: () => missing("mariadbd"),
  async build(users) {
    const server = await MariaDb.start();
    await server.run(vpopmailTable);
    for (const row of vpopmailRows(users)) {
      await server.run("INSERT INTO vpopmail VALUES (?, ?, ?, ?)", row);
    }
    return {
      settings: { url: `mysql://${server.user}@localhost/${server.database}`, socket: server.socket },
      leave: () => server.kill(),
      hang: async () => server.freeze(),
      comeBack: () => server.comeBack(),
      close: () => server.close(),
    };
  },
};
