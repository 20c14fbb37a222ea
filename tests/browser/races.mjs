// races.mjs [ROUNDS]: a tab that leaves the home for a look-alike after eleven delays from 0 to 100 ms, so many times each, in each browser.
// Ends with 1 where a look-alike kept a sign.
import { KINDS } from "./browser.mjs";
import { badgeRace } from "./scenes.mjs";

const rounds = Number(process.argv[2] ?? 30);
let isWrong = false;
for (const kind of KINDS) {
    const { races, kept, falseGreens, longest, arrived, greens } = await badgeRace(kind, rounds);
    console.log(`${kind}: ${races} races, ${kept} look-alikes kept a sign, ${falseGreens} showed one for a moment (at most ${longest} ms);`);
    console.log(`    the control: the home was reached ${arrived} times, and ${greens} of ${rounds} tabs that were left alone turned green`);
    isWrong ||= kept > 0 || greens < rounds;
}
process.exit(isWrong ? 1 : 0);
