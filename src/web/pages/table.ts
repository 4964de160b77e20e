/** Every page by its path. */
import { alertsPage } from "./alerts-page.ts";
import type { PageMaker } from "./desk.ts";
import { overviewPage } from "./overview-page.ts";

/** Path → page. A path that is not here is no page: nothing is read from the disk by a path. */
export const pages: ReadonlyMap<string, PageMaker> = new Map<string, PageMaker>([
  ["/", overviewPage],
  ["/alerts", alertsPage],
]);
