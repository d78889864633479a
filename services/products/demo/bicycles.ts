import { shelf } from "./demo-product.ts";

export const bicycles = shelf([
  {
    name: "Almanac City Bike",
    brand: "Pedalhagen",
    category: "bikes",
    about: `Upright, unhurried and equipped for every month of the year: mudguards, a chain case, dynamo lights and a
      rack that takes a crate of water. The hub gears shift at a standstill, which traffic lights appreciate.`,
    sku: "BIK-ALMANAC",
    variants: [
      ["50", { frame: "50 cm" }, 899_00, 9],
      ["54", { frame: "54 cm" }, 899_00, 12],
      ["58", { frame: "58 cm" }, 899_00, 6],
    ],
  },
  {
    name: "Almanac Electric City Bike",
    brand: "Pedalhagen",
    category: "bikes",
    about: `The Almanac with a quiet motor in the bottom bracket and a battery that looks like part of the rack. It
      pushes like a friendly hand in the back, up to 110 kilometres on one charge if the wind is fair.`,
    sku: "BIK-ALMANACE",
    variants: [
      ["50", { frame: "50 cm" }, 2499_00, 4],
      ["54", { frame: "54 cm" }, 2499_00, 7],
      ["58", { frame: "58 cm" }, 2499_00, 5],
    ],
  },
  {
    name: "Longitude Touring Bike",
    brand: "Pedalhagen",
    category: "bikes",
    about: `Steel tubing, forty-millimetre tyres, and threaded holes wherever you might want to bolt something. Loaded
      with four panniers it steers like a small, contented ship.`,
    sku: "BIK-LONGI",
    variants: [
      ["52", { frame: "52 cm" }, 1649_00, 5],
      ["56", { frame: "56 cm" }, 1649_00, 8],
      ["60", { frame: "60 cm" }, 1649_00, 0],
    ],
  },
  {
    name: "Shingle Gravel Bike",
    brand: "Tallowheel",
    category: "bikes",
    about: `Fast on tarmac and unbothered when it ends. The handlebar flares gently, the gears reach low enough for
      forest climbs, and the frame has clearance for mud and for second thoughts.`,
    sku: "BIK-SHINGLE",
    variants: [
      ["M-CLY", { frame: "M", colour: "clay" }, 1899_00, 6],
      ["L-CLY", { frame: "L", colour: "clay" }, 1899_00, 7],
      ["M-INK", { frame: "M", colour: "ink" }, 1899_00, 3],
      ["L-INK", { frame: "L", colour: "ink" }, 1899_00, 5],
    ],
  },
  {
    name: "Magpie Children's Bike 20\"",
    brand: "Tallowheel",
    category: "bikes",
    about: `At seven and a half kilos it is light enough to be carried home by its owner. Short brake levers for short
      fingers, a single gear, and a frame that has been drawn for children rather than shrunk from an adult's.`,
    sku: "BIK-MAGPIE-20",
    variants: [
      ["TEA", { colour: "teal" }, 329_00, 14],
      ["PLM", { colour: "plum" }, 329_00, 10],
    ],
  },
  {
    name: "Tugboat Cargo Trailer",
    brand: "Tallowheel",
    category: "bikes",
    about: `Hitches to the rear axle in one click and takes forty kilos of groceries, compost or sleeping dachshund. The
      sides fold flat, and it hangs on a hook behind the cellar door.`,
    sku: "TRL-TUGBOAT",
    pictures: 1,
    variants: [["", {}, 279_00, 11]],
  },
  {
    name: "Glowmoth Front Light",
    brand: "Hedgelight",
    category: "bike-lights-locks",
    about: `The beam has a clean upper edge, so you see the road and nobody is dazzled. Sixty lux for two and a half
      hours, and a button that glows amber when it is time to charge.`,
    sku: "LGT-GLOWM",
    variants: [["", {}, 64_90, 76]],
  },
  {
    name: "Glowmoth Rear Light",
    brand: "Hedgelight",
    category: "bike-lights-locks",
    about: `Visible from the side as well as from behind, it brightens when you brake. The silicone strap fits round and
      aero seat posts and does not perish in the sun.`,
    sku: "LGT-GLOWMR",
    variants: [["", {}, 32_90, 104]],
  },
  {
    name: "Nightjar Helmet Light",
    brand: "Hedgelight",
    category: "bike-lights-locks",
    about: `A red dot for the back of the head, magnetically attached, weighing as much as a letter. Drivers of tall
      vans notice it first.`,
    sku: "LGT-NIGHTJAR",
    pictures: 1,
    variants: [["", {}, 19_90, 97]],
  },
  {
    name: "Portcullis Folding Lock",
    brand: "Grindelby",
    category: "bike-lights-locks",
    about: `Six hardened links under a rubber coat, folding to the size of a glasses case. The cylinder shrugs off picks
      and drills long enough to bore the average thief, and the bracket does not rattle.`,
    sku: "LCK-PORTC",
    variants: [
      ["90", { length: "90 cm" }, 84_00, 42],
      ["110", { length: "110 cm" }, 96_00, 28],
    ],
  },
  {
    name: "Drawbridge U-Lock",
    brand: "Grindelby",
    category: "bike-lights-locks",
    about: `Fourteen millimetres of hardened steel that bolts at both ends, so it must be cut twice. Three keys are
      supplied, one of which carries a small light of its own.`,
    sku: "LCK-DRAWB",
    variants: [["", {}, 69_00, 50]],
  },
  {
    name: "Tollgate Café Lock",
    brand: "Grindelby",
    category: "bike-lights-locks",
    about: `A thin cable with a number dial, honest about what it is: protection for as long as you can see the bike.
      Rolls up into a pocket no bigger than a yo-yo.`,
    sku: "LCK-TOLL",
    variants: [["", {}, 16_90, 88]],
  },
  {
    name: "Quayside Pannier 20 l",
    brand: "Rookspoke",
    category: "bike-bags",
    about: `A roll-top pannier in waxed canvas with a waterproof liner. The hooks adjust without tools and lock
      themselves over the rail, and a shoulder strap waits in the back pocket.`,
    sku: "PAN-QUAY-20",
    variants: [
      ["OLV", { colour: "olive" }, 89_00, 33],
      ["NVY", { colour: "navy" }, 89_00, 37],
      ["RST", { colour: "rust" }, 89_00, 15],
    ],
  },
  {
    name: "Towpath Handlebar Bag",
    brand: "Rookspoke",
    category: "bike-bags",
    about: `Opens away from the rider, so you can find the sandwich while rolling. The map window reads phones through
      rain, and the clamp holds five kilos steady on cobbles.`,
    sku: "BAG-TOWP",
    variants: [
      ["OLV", { colour: "olive" }, 74_00, 26],
      ["NVY", { colour: "navy" }, 74_00, 30],
    ],
  },
  {
    name: "Toolroll Saddle Bag",
    brand: "Rookspoke",
    category: "bike-bags",
    about: `A canvas roll with five pockets that straps under the saddle in one turn. Inside there is exactly enough
      space for a tube, levers, a multitool and a banknote.`,
    sku: "BAG-TOOLR",
    variants: [["", {}, 29_90, 61]],
  },
  {
    name: "Satchel Office Pannier",
    brand: "Rookspoke",
    category: "bike-bags",
    about: `From the left it is a briefcase, from the right it hangs on a rack. The laptop sleeve floats two centimetres
      above the floor, so kerbs do not reach it.`,
    sku: "PAN-SATCHEL",
    variants: [
      ["BLK", { colour: "black" }, 119_00, 21],
      ["COG", { colour: "cognac" }, 129_00, 2],
    ],
  },
  {
    name: "Butcher's Front Basket",
    brand: "Tallowheel",
    category: "bike-bags",
    about: `Woven from rattan around a steel frame that is bolted to the stem, not hooked over it. Big enough for two
      bags of shopping and a bunch of tulips, upright.`,
    sku: "BSK-BUTCH",
    variants: [["", {}, 59_00, 40]],
  },
  {
    name: "Fourteen-Piece Multitool",
    brand: "Grindelby",
    category: "bike-tools",
    about: `Hex keys up to eight millimetres, two Torx, a chain breaker that works and a spoke key for three nipple
      sizes. The side plates are textured, so it does not slip out of cold hands.`,
    sku: "TOL-MULTI14",
    variants: [["", {}, 38_00, 93]],
  },
  {
    name: "Bellows Floor Pump",
    brand: "Grindelby",
    category: "bike-tools",
    about: `A long steel barrel fills a road tyre in thirty strokes. The head grips either kind of valve without being
      flipped, and the gauge sits at the top where eyes can read it.`,
    sku: "PMP-BELLOWS",
    pictures: 1,
    variants: [["", {}, 49_00, 55]],
  },
  {
    name: "Chainmaid Wax Lubricant",
    brand: "Rookspoke",
    category: "bike-tools",
    about: `A drip-on wax that dries to a dry film and leaves your trouser leg alone. One bottle treats about thirty
      chains; shake it first, then wait over night.`,
    sku: "LUB-CHAINM",
    variants: [
      ["100", { capacity: "100 ml" }, 13_90, 150],
      ["250", { capacity: "250 ml" }, 24_90, 82],
    ],
  },
  {
    name: "Porter Work Stand",
    brand: "Grindelby",
    category: "bike-tools",
    about: `Holds bikes of up to twenty-five kilos by the seat post, turns them upside down and keeps its feet on uneven
      ground. Folds to the length of a broom.`,
    sku: "STD-PORTER",
    pictures: 1,
    variants: [["", {}, 149_00, 18]],
  },
  {
    name: "Second Wind Puncture Kit",
    brand: "Hedgelight",
    category: "bike-tools",
    about: `Six feathered patches, fresh glue, sandpaper and a piece of chalk for marking the hole. The tin is the right
      shape for a shirt pocket and has a drawing of every step inside the lid.`,
    sku: "KIT-PUNC",
    variants: [["", {}, 6_90, 220]],
  },
  {
    name: "Bluebell Bicycle Bell",
    brand: "Pedalhagen",
    category: "bike-tools",
    about: `A turned brass dome with one long, polite note. It carries round corners without making anybody jump.`,
    sku: "BEL-BLUEBELL",
    variants: [
      ["BRS", { finish: "brass" }, 21_90, 119],
      ["BLK", { finish: "black" }, 21_90, 87],
    ],
  },
]);
