/**
 * Microsoft Graph as a source: users, groups and contacts of a tenant, page by page, and what changed since then by
 * delta tokens. https://learn.microsoft.com/graph/paging, …/graph/delta-query-overview, …/graph/throttling
 */
import type { SourceSettings } from "../../src/config/schema.ts";
import { asError } from "../../src/report/error-message.ts";
import type { Rules } from "../convert/rules.ts";
import type { Batch, Hint, Source } from "../source.ts";
import { endingCredential, graphSignIn } from "./graph-sign-in.ts";
import { latestLink, readTenantChanges } from "./graph-changes.ts";
import { readCollection } from "./graph-list.ts";
import { lookAtTenant } from "./graph-look.ts";
import { deltaMark } from "./graph-marks.ts";
import { type Collection, collections, isWithheld, type Reader, saidBy } from "./graph-reader.ts";
import { readCertificates } from "./secrets.ts";
import { Refusal, WebApi, type WebLimits, webLimits } from "./web-api.ts";

/** Microsoft's own place. */
const home = "https://graph.microsoft.com";
/** Entries of a page that Graph allows at most. */
const maxPage = 999;

/** A source that reads a tenant. @param folder where relative file names begin */
export function createGraphSource(
  settings: SourceSettings,
  rules: Rules,
  folder: string,
  limits: WebLimits = webLimits,
): Source {
  const base = new URL(settings.url[0] ?? home);
  const place = `${base.href} ${settings.tenant}`;
  const open = (signal: AbortSignal): Promise<Reader> => openReader(settings, { rules, base, limits, folder, signal });
  const isWatched = settings.changes !== "none";
  return {
    name: settings.name,
    domains: rules.scope.domains,
    async *read(signal) {
      const reader = await open(signal);
      yield* readTenant(reader, place, isWatched);
      const ending =
        settings.certificate_file === "" ? undefined : await endingCredential(settings.certificate_file, folder);
      yield* hinted(ending === undefined ? [] : [{ level: "warning", text: ending }]);
    },
    lookAt: async (lost, _, signal) => lookAtTenant(await open(signal), lost),
    ...(isWatched
      ? {
          async *readChanges(reached, signal) {
            yield* readTenantChanges(await open(signal), place, reached);
          },
        }
      : {}),
  };
}

/** How one reading is done. */
interface Reading extends Pick<Reader, "rules" | "base"> {
  readonly limits: WebLimits;
  readonly folder: string;
  readonly signal: AbortSignal;
}

async function openReader(settings: SourceSettings, { rules, base, limits, folder, signal }: Reading): Promise<Reader> {
  const api = new WebApi({
    base,
    signIn: () => graphSignIn(settings, base, folder),
    // Asked for by the count of entries. Without it Graph answers from another index, which cannot count.
    headers: { consistencylevel: "eventual" },
    said: saidBy,
    timeout: settings.timeout,
    signal,
    ca: await readCertificates(settings.ca_file, folder),
    patience: limits.patience,
    ...(limits.maxAnswer === undefined ? {} : { maxAnswer: limits.maxAnswer }),
  });
  return { api, base, rules, limits, pageSize: Math.min(settings.page_size, maxPage) };
}

async function* readTenant(reader: Reader, place: string, isWatched: boolean): AsyncGenerator<Batch> {
  const links: Record<string, string> = {};
  for (const collection of collections) {
    let hasBegun = false;
    try {
      // Before the first page: what changes meanwhile is read once more.
      const link = isWatched ? await latestLink(reader, collection) : undefined;
      for await (const batch of readCollection(reader, collection)) {
        hasBegun = true;
        yield batch;
      }
      if (link !== undefined) {
        links[collection.name] = link;
      }
    } catch (fault) {
      const refused = explained(fault, collection);
      // A tenant may keep its contacts to itself, but not the second half of them.
      if (hasBegun || !isWithheld(fault, collection)) {
        throw refused;
      }
      yield* hinted([{ level: "warning", text: `contacts are left out: ${refused.message}` }]);
    }
  }
  yield { entries: 0, found: [], skipped: {}, reached: deltaMark(place, links) };
}

/** A missing permission, with its name. */
function explained(fault: unknown, { permission }: Collection): Error {
  if (!(fault instanceof Refusal) || fault.code !== 403) {
    return asError(fault);
  }
  const text = `${fault.message}; the application needs the permission ${permission}, with the consent of an administrator`;
  return new Refusal(fault.reason, text, fault.code, fault.word);
}

function* hinted(hints: readonly Hint[]): Generator<Batch> {
  if (hints.length > 0) {
    yield { entries: 0, found: [], skipped: {}, hints };
  }
}
