/** Google Workspace, as the Directory API gives its users and groups. Suspended users stay in: Google answers for them. */
import { definePreset } from "./preset.ts";

export const googleWorkspace = definePreset({
  name: "google-workspace",
  about: {
    product: 'Google Workspace (`type = "google"`)',
    objects: "users, groups",
    addresses: "primaryEmail, email (of groups), aliases, nonEditableAliases",
    leftOut: "Suspended and archived users are included: Google itself refuses their mail",
  },
  shape: "google",
  filter: "",
  addresses: [
    { attribute: "primaryemail", form: "address", kind: "account" },
    { attribute: "email", form: "address", kind: "account" },
    { attribute: "aliases", form: "address", kind: "alias" },
    { attribute: "noneditablealiases", form: "address", kind: "alias" },
  ],
  classes: { group: "group" },
});
