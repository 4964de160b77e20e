/** The lists of `[clients]` that say who may relay. */
import { RelayLists } from "../clients/relay-lists.ts";
import type { Settings } from "../config/sections.ts";
import { readClients } from "../files/entries.ts";
import type { Log } from "../report/log.ts";
import { createLists } from "./lists.ts";

/** @param now ms since 1970 @param want see {@link createLists} */
export function createRelayLists(
  { clients, control }: Settings,
  log: Log,
  now: () => number,
  want?: (name: string) => void,
): RelayLists {
  const lists = createLists(control.folders, "clients", log, now, want);
  return new RelayLists({
    relay: lists.list(clients.relayclients, readClients),
    more: clients.morerelayclients === "" ? { current: () => undefined } : lists.map(clients.morerelayclients),
    noRelay: lists.list(clients.norelayclients, readClients),
  });
}
