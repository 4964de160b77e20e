/** What must be so at the end of a dialogue: in the log, and at the next hop. */
import { expect, vi } from "vitest";

import type { NextHop } from "../fakes/next-hop.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { filled } from "./blocks.ts";
import type { Block } from "./blocks.ts";

/** Whether a line is what a dialogue wants: a regular expression between slashes, or the line itself. */
function fits(line: string, wanted: string): boolean {
  const isPattern = wanted.startsWith("/") && wanted.endsWith("/");
  return isPattern ? new RegExp(wanted.slice(1, -1)).test(line) : line === wanted;
}

export const hasLine = (lines: readonly string[], wanted: string): boolean => lines.some((line) => fits(line, wanted));

/** The lines in their order, others in between; `once …` wherever it is, and no second time. */
export async function checkLog(blocks: readonly Block[], relay: TestRelay): Promise<void> {
  for (const block of blocks) {
    let from = 0;
    for (const wanted of filled(block).map((line) => line.replaceAll("{folder}", relay.folder))) {
      const [, only] = /^once (.+)$/.exec(wanted) ?? [];
      if (only !== undefined) {
        const found = relay.log.filter((line) => fits(line, only));
        expect(found, `${only} in\n${relay.log.join("\n")}`).toHaveLength(1);
        continue;
      }
      // The last line of a session comes when its connection has ended.
      const at = await vi.waitFor(() => {
        const found = relay.log.findIndex((line, i) => i >= from && fits(line, wanted));
        expect(found, `log line ${wanted} in\n${relay.log.join("\n")}`).toBeGreaterThanOrEqual(0);
        return found;
      });
      from = at + 1;
    }
  }
}

export async function checkDelivered(block: Block, hop: NextHop): Promise<void> {
  const [envelope = "", ...contents] = block.lines.join("\n").trimEnd().split("\n");
  if (envelope === "nothing") {
    expect(hop.received).toEqual([]);
    return;
  }
  const [, sender, recipients = ""] = /^from <(.*?)> to (.*)$/.exec(envelope) ?? [];
  const all = [...recipients.matchAll(/<(.*?)>/g)].map(([, address]) => address);
  const message = hop.received[Number(block.argument || 1) - 1];
  expect(message, `message ${block.argument || 1} at the next hop`).toBeDefined();
  expect({ sender: message?.sender, recipients: message?.recipients }).toEqual({ sender, recipients: all });
  expect(message?.message.toString("latin1")).toContain(contents.join("\r\n"));
}

/** What the next hop was told, in all connections: these lines without others between them, but EHLO and QUIT. */
export function checkCommands(block: Block, hop: NextHop): void {
  const told = hop.commands.flat().filter((line) => !/^(EHLO|QUIT)\b/i.test(line));
  expect(told).toEqual(filled(block));
}
