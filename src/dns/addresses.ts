/** The addresses of a next hop's host name, as the machine resolves names: hosts file, then DNS. */
import { lookup } from "node:dns/promises";

import { within } from "../wait/within.ts";

/** No more addresses than this are tried. */
const most = 16;
/** The system's resolver has no deadline that can be set; ms. */
const patience = 10_000;

/** @throws Error if the name does not resolve, or not in time */
export type FindAddresses = (name: string) => Promise<readonly string[]>;

export const findAddresses: FindAddresses = async (name) => {
  const asked = lookup(name, { all: true, order: "verbatim" });
  const found = await within(asked, patience, `no answer in ${patience} ms`);
  return [...new Set(found.map(({ address }) => address))].slice(0, most);
};
