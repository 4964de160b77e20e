/**
 * Programs for the checks scanner and filter, and for `next_hop = "pipe:"`, that fail as the message says: a line
 * `X-NAME: FAULT` in it.
 */
import { condemned } from "./content-services.ts";

/** How a program fails at a message. */
export type ProgramFault = "none" | "slow" | "crash" | "hung" | "lying" | "half";

/** Faults after which there is no answer that counts. */
export const noProgramAnswer: readonly ProgramFault[] = ["crash", "hung", "lying", "half"];

const head = (name: string, input: string): string => `#!/usr/bin/perl
use strict; use warnings;
binmode STDIN; binmode STDOUT; $SIG{PIPE} = "DEFAULT"; $| = 1;
my $message = do { local $/; ${input} }; $message = "" unless defined $message;
my ($fault) = $message =~ /^X-${name}: (\\w+)/m; $fault //= "none";
kill(SEGV => $$) && sleep 30 if $fault eq "crash";
exec("sleep", "30") if $fault eq "hung";
exit 42 if $fault eq "lying";
select(undef, undef, undef, 0.03) if $fault eq "slow";
my $condemned = $message =~ /${condemned}/;
`;

/** For preset custom of the check scanner, with `%f`. Half an answer is a name, and no exit code that means anything. */
export const scannerProgram = {
  text: `${head("Scanner", "open my $file, '<:raw', $ARGV[0] or exit 9; <$file>")}
if ($fault eq "half") { print "threat='Half"; exit 43 }
print "threat='Test.Virus' action=''\\n" if $condemned;
exit($condemned ? 50 : 0);
`,
  mode: 0o755,
};

/** For the check filter: exit code 99 for what is condemned; else the message with the field X-Mark in front. */
export const filterProgram = {
  text: `${head("Filter", "<STDIN>")}
if ($fault eq "half") { print "X-Mark: half\\r\\n", substr($message, 0, length($message) / 2), "x"; exit 0 }
exit 99 if $condemned;
print "X-Mark: good\\r\\n", $message;
exit 0;
`,
  mode: 0o755,
};

/** For `next_hop = "pipe:"`, with a folder and {from}: puts the message there. It fails before it has anything. */
export const pipeProgram = {
  text: `${head("Pipe", "<STDIN>")}
exit 75 if $fault eq "half";
my ($folder, $from) = @ARGV;
open my $out, ">:raw", "$folder/$from.$$.part" or exit 75;
print $out $message; close $out or exit 75;
rename "$folder/$from.$$.part", "$folder/$from.$$" or exit 75;
exit 0;
`,
  mode: 0o755,
};
