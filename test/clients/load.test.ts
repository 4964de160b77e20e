/** What the log says of client rules when a relay loads them. */
import { afterEach, expect, it } from "vitest";

import { closeScenes, scene } from "../relay/scene.ts";

afterEach(closeScenes);

it("the log names file, line and column of a rule that can match nobody", async () => {
  const { relay } = await scene({}, '[clients]\nrules = "{folder}/rules"', {
    files: { rules: '127.0.0.1:allow\n192.0.2:deny\n10.0.0.1:allow, RELAYCLIENT=""\n' },
  });
  const odd = relay.log.filter((line) => line.includes("odd rule"));
  expect(odd).toHaveLength(2);
  expect(odd[0]).toMatch(/rules:2:1.*never matches: a prefix ends in a dot/);
  expect(odd[1]).toMatch(/rules:3:16.*no program asks for a variable/);
});
