/** What both ask about messages, started once for all rows. */
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { productNames, productScript } from "../checks/scanners/products.ts";
import { Clamd } from "../fakes/clamd.ts";
import { startSophie } from "../fakes/sophie.ts";
import { startSpamd } from "../fakes/spamd.ts";
import type { Asked } from "./row.ts";

/** Where they are. */
export interface Services {
  /** The text with the places of services in it. */
  fill(text: string): string;
  close(): Promise<void>;
}

/** Starts those that are wanted. */
export async function startServices(wanted: readonly Asked[]): Promise<Services> {
  // qpsmtpd takes no hyphen in the path of a socket.
  const folder = mkdtempSync(join(tmpdir(), "gmtooracle"));
  const clamd = wanted.includes("clamd") ? await Clamd.start() : undefined;
  const spamd = wanted.includes("spamd") ? await startSpamd() : undefined;
  const sophie = wanted.includes("sophie") ? await startSophie(join(folder, "sophie")) : undefined;
  if (clamd !== undefined) {
    symlinkSync(clamd.path, join(folder, "clamd"));
  }
  for (const product of productNames) {
    const { text, mode } = productScript(product);
    writeFileSync(join(folder, product), text, { mode });
  }
  return {
    fill: (text) =>
      text
        .replaceAll("{clamd}", join(folder, "clamd"))
        .replaceAll("{sophie}", join(folder, "sophie"))
        .replaceAll("{spamd}", spamd?.place ?? "")
        .replaceAll("{products}", folder),
    close: async () => {
      await clamd?.close();
      await spamd?.close();
      sophie?.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
