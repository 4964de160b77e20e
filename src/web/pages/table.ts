/** Every page by its path. */
import { alertsPage } from "./alerts-page.ts";
import { checksPage } from "./checks-page.ts";
import type { PageMaker } from "./desk.ts";
import { differencePage } from "./difference-page.ts";
import { explainPage } from "./explain-page.ts";
import { hopsPage } from "./hops-page.ts";
import { journalPage } from "./journal-page.ts";
import { listPage } from "./list-page.ts";
import { lookupsPage } from "./lookups-page.ts";
import { messagePage } from "./message-page.ts";
import { observePage } from "./observe-page.ts";
import { overviewPage } from "./overview-page.ts";

/** Path → page. A path that is not here is no page: nothing is read from the disk by a path. */
export const pages: ReadonlyMap<string, PageMaker> = new Map<string, PageMaker>([
  ["/", overviewPage],
  ["/alerts", alertsPage],
  ["/list", listPage],
  ["/difference", differencePage],
  ["/journal", journalPage],
  ["/message", messagePage],
  ["/explain", explainPage],
  ["/observe", observePage],
  ["/checks", checksPage],
  ["/hops", hopsPage],
  ["/lookups", lookupsPage],
]);
