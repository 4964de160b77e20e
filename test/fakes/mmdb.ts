/** MaxMind databases as their own tools write them: Debian's libmaxmind-db-writer-perl. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Reads `network<TAB>city<TAB>country` on standard input; "" leaves the field out. */
const script = `
use strict; use utf8; use MaxMind::DB::Writer::Tree;
binmode STDIN, ":encoding(UTF-8)";
my %types = (city => "map", country => "map", names => "map", en => "utf8_string", iso_code => "utf8_string");
my $tree = MaxMind::DB::Writer::Tree->new(
  database_type => "GeoLite2-City", description => { en => "of a test" }, ip_version => 6, record_size => 24,
  remove_reserved_networks => 0, map_key_type_callback => sub { $types{$_[0]} },
);
while (<STDIN>) {
  chomp;
  my ($network, $city, $country) = split /\t/, $_, 3;
  my %entry;
  $entry{city} = { names => { en => $city } } if $city ne "";
  $entry{country} = { iso_code => $country } if $country ne "";
  $tree->insert_network($network, \\%entry);
}
open my $out, ">:raw", $ARGV[0] or die $!;
$tree->write_tree($out);
`;

/** A database. @param places network → "City.CC", ".CC" for a country alone */
export function makeMmdb(places: Readonly<Record<string, string>>): Buffer {
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-mmdb-"));
  const file = join(folder, "places.mmdb");
  try {
    const lines = Object.entries(places).map(([network, place]) => {
      const dot = place.lastIndexOf(".");
      return `${network}\t${place.slice(0, dot)}\t${place.slice(dot + 1)}\n`;
    });
    execFileSync("perl", ["-e", script, file], { input: lines.join(""), stdio: ["pipe", "ignore", "inherit"] });
    return readFileSync(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
