/**
 * How long a source takes to read a large directory, and how much memory: `node test/bench/directory.ts [entries] [page size]`.
 * A real slapd is filled and read in this process; the figures are of the reading alone.
 */
import { startSlapd } from "../fakes/slapd.ts";
import { source } from "../sync/reading.ts";

const [count, pageSize] = [Number(process.argv[2] ?? 100_000), Number(process.argv[3] ?? 1000)];
const suffix = "o=Kontor";

const slapd = await startSlapd({
  suffix,
  schemas: ["core", "cosine", "inetorgperson"],
  ldif: `dn: ${suffix}\nobjectClass: organization\no: Kontor\n\n${Array.from({ length: count }, (_, number) => person(number)).join("\n")}\n`,
  database: ["sizelimit unlimited"],
});
try {
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  const started = performance.now();
  let [entries, found, peak] = [0, 0, before];
  const read = source({ preset: "openldap", url: [slapd.ldap], base: suffix, page_size: pageSize, timeout: 60_000 });
  for await (const batch of read.read(AbortSignal.timeout(600_000))) {
    entries += batch.entries;
    found += batch.found.length;
    peak = Math.max(peak, process.memoryUsage().rss);
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(2);
  process.stdout.write(
    `${entries} entries, ${found} keys, pages of ${pageSize}: ${seconds} s, memory ${megabytes(before)} before, ${megabytes(peak)} at the peak\n`,
  );
} finally {
  await slapd.stop();
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1_000_000)} MB`;
}

function person(number: number): string {
  const classes = ["top", "person", "organizationalPerson", "inetOrgPerson"].map((name) => `objectClass: ${name}`);
  const values = [`cn: User ${number}`, "sn: User", `mail: user${number}@kontor.example`, `uid: user${number}`];
  return `dn: uid=user${number},${suffix}\n${[...classes, ...values].join("\n")}\n`;
}
