/** The addresses of a next hop's host name, as the machine resolves names: hosts file, then DNS. */
import { lookup } from "node:dns/promises";

/** No more addresses than this are tried. */
const most = 16;
/** The system's resolver has no deadline that can be set; ms. */
const patience = 10_000;

/** @throws Error if the name does not resolve, or not in time */
export type FindAddresses = (name: string) => Promise<readonly string[]>;

export const findAddresses: FindAddresses = async (name) => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${patience} ms`)), patience);
  });
  try {
    const found = await Promise.race([lookup(name, { all: true, order: "verbatim" }), late]);
    return [...new Set(found.map(({ address }) => address))].slice(0, most);
  } finally {
    clearTimeout(timer);
  }
};
