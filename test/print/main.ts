/** `npm run docs`: writes every file that is printed from declarations. Tests compare each with what is there. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import {
  backEndsFile,
  couriersFile,
  findBackEnds,
  findChecks,
  findCouriers,
  printBackEnds,
  printCouriers,
  printRegistry,
  registryFile,
} from "./registry.ts";
import {
  directoriesPage,
  findPresets,
  presetNamesFile,
  presetsFile,
  printDirectories,
  printPresetNames,
  printPresets,
} from "./presets.ts";
import { monitoringPage, printMonitoring } from "./metrics-page.ts";
import { developmentPage, printDevelopment } from "./rooms.ts";

writeFileSync(registryFile, printRegistry(findChecks()));
writeFileSync(backEndsFile, printBackEnds(findBackEnds()));
writeFileSync(couriersFile, printCouriers(findCouriers()));
writeFileSync(presetsFile, printPresets(findPresets()));
writeFileSync(presetNamesFile, printPresetNames(findPresets()));
writeFileSync(developmentPage, printDevelopment());
writeFileSync(monitoringPage, printMonitoring());

// What follows is printed from the registries as they are now.
writeFileSync(directoriesPage, await printDirectories());
const { checksPage, printChecks } = await import("./checks-page.ts");
writeFileSync(checksPage, printChecks());
const { fromQpsmtpdPage, printFromQpsmtpd } = await import("./from-qpsmtpd-page.ts");
writeFileSync(fromQpsmtpdPage, printFromQpsmtpd());
const { sampleConfig } = await import("../../src/config/sample.ts");
const { schema } = await import("../../src/compose/settings.ts");
const { sectionDocs } = await import("../../src/compose/section-docs.ts");
writeFileSync(join(import.meta.dirname, "../../config/goodmailto.toml"), sampleConfig(schema, sectionDocs));
