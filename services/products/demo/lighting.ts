import { shelf } from "./demo-product.ts";

export const lighting = shelf([
  {
    name: "Foundry Pendant Lamp",
    brand: "Wickfield Electric",
    category: "pendants",
    about: `A spun steel dome, enamelled white inside so the light falls where the table is. The twisted cotton flex is
      three metres long and may be shortened without guilt.`,
    sku: "PND-FOUNDRY",
    variants: [
      ["25-BLK", { size: "25 cm", colour: "black" }, 89_00, 33],
      ["25-GRN", { size: "25 cm", colour: "pine green" }, 89_00, 25],
      ["40-BLK", { size: "40 cm", colour: "black" }, 129_00, 18],
      ["40-GRN", { size: "40 cm", colour: "pine green" }, 129_00, 5],
    ],
  },
  {
    name: "Drop Glass Pendant",
    brand: "Glasfurth",
    category: "pendants",
    about: `Mouth-blown, slightly lopsided, with a foot of clear glass that bends the light into rings on the ceiling.
      Beautiful alone and better in threes, hung at different heights.`,
    sku: "PND-DROP",
    variants: [
      ["CLR", { colour: "clear" }, 119_00, 22],
      ["SMK", { colour: "smoke" }, 129_00, 19],
      ["AMB", { colour: "amber" }, 129_00, 13],
    ],
  },
  {
    name: "Pleat Paper Pendant",
    brand: "Lumenhult",
    category: "pendants",
    about: `Folded by hand from a single sheet of fire-safe paper. It arrives flat, opens like a concertina, and gives a
      living room the kind of light in which everybody looks rested.`,
    sku: "PND-PLEAT",
    variants: [
      ["45", { size: "45 cm" }, 69_00, 47],
      ["65", { size: "65 cm" }, 99_00, 28],
    ],
  },
  {
    name: "Rail Linear Pendant",
    brand: "Halden Row",
    category: "pendants",
    about: `A metre and a half of oak with a strip of warm light sunk into its underside. Two steel cables level it over
      crooked tables, and a touch on the end dims it.`,
    sku: "PND-RAIL",
    pictures: 1,
    variants: [["", {}, 319_00, 9]],
  },
  {
    name: "Bistro Cluster of Five",
    brand: "Glasfurth",
    category: "pendants",
    about: `Five small globes on one canopy, each on a flex of its own length, for stairwells and high kitchens. You
      decide the heights on the floor before anything goes up.`,
    sku: "PND-BISTRO",
    pictures: 1,
    variants: [["", {}, 389_00, 6]],
  },
  {
    name: "Porcelain Ceiling Cup",
    brand: "Wickfield Electric",
    category: "pendants",
    about: `The plain porcelain holder every hallway used to have, made again, with a deeper cup for modern bulbs. One
      screw less than you fear.`,
    sku: "CEI-CUP",
    variants: [
      ["WHT", { colour: "white" }, 24_90, 84],
      ["BLK", { colour: "black" }, 26_90, 59],
    ],
  },
  {
    name: "Reader Desk Lamp",
    brand: "Halden Row",
    category: "table-lamps",
    about: `Springs hold the arm exactly where your hand leaves it. The shade is double, so it never gets hot, and the
      switch sits on the base where you can find it asleep.`,
    sku: "TBL-READER",
    variants: [
      ["BLK", { colour: "black" }, 149_00, 38],
      ["WHT", { colour: "white" }, 149_00, 34],
      ["OCH", { colour: "ochre" }, 149_00, 11],
    ],
  },
  {
    name: "Mushroom Opal Lamp",
    brand: "Glasfurth",
    category: "table-lamps",
    about: `Opal glass from cap to foot, lit in both halves. Dimmed, it makes a bedside; full, it makes a sideboard.
      Blown in one piece, which is why there are only so many each month.`,
    sku: "TBL-MUSHROOM",
    variants: [
      ["S", { size: "small" }, 139_00, 17],
      ["L", { size: "large" }, 219_00, 0],
    ],
  },
  {
    name: "Hearthstone Table Lamp",
    brand: "Lumenhult",
    category: "table-lamps",
    about: `A heavy stoneware base in a glaze that pools at the edges, topped by a linen shade. It is the lamp you leave
      on when you go out, so that someone seems to be home.`,
    sku: "TBL-HEARTH",
    variants: [
      ["SND", { colour: "sand" }, 98_00, 29],
      ["IRN", { colour: "iron" }, 98_00, 24],
    ],
  },
  {
    name: "Firefly Rechargeable Lamp",
    brand: "Duskworks",
    category: "table-lamps",
    about: `Take it from the dinner table to the garden and on to the bath. Twenty hours at candle strength, a leather
      loop for hanging, and splash-proof enough for careless evenings.`,
    sku: "TBL-FIREFLY",
    variants: [
      ["BRS", { colour: "brass" }, 79_00, 63],
      ["WHT", { colour: "white" }, 69_00, 88],
      ["RST", { colour: "rust" }, 69_00, 46],
    ],
  },
  {
    name: "Magpie Shelf Light",
    brand: "Duskworks",
    category: "table-lamps",
    about: `A clamp with felted jaws, a ball joint and a cone of warm light. Holds on to headboards, shelves and music
      stands without leaving a dent.`,
    sku: "TBL-MAGPIE",
    variants: [["", {}, 44_90, 72]],
  },
  {
    name: "Daybreak Wake-Up Light",
    brand: "Duskworks",
    category: "table-lamps",
    about: `Begins as a red glimmer and is a full morning thirty minutes later. Birds, radio or silence may join in. Its
      own display goes dark, because a bedroom should be.`,
    sku: "TBL-DAYBREAK",
    pictures: 1,
    variants: [["", {}, 94_00, 36]],
  },
  {
    name: "Heron Arc Floor Lamp",
    brand: "Halden Row",
    category: "floor-lamps",
    about: `A marble foot, a long brass curve and a shade that hovers over the sofa without a hole in the ceiling. The
      foot has a finger-wide bore through it: two people, one broomstick, and it moves.`,
    sku: "FLR-HERONARC",
    variants: [["", {}, 429_00, 8]],
  },
  {
    name: "Tripod Floor Lamp",
    brand: "Lumenhult",
    category: "floor-lamps",
    about: `Three turned ash legs, a shade of slub linen and a foot switch that clicks softly. The legs splay at two
      angles, one for corners and one for showing off.`,
    sku: "FLR-TRIPOD",
    variants: [
      ["ASH", { wood: "natural ash" }, 229_00, 15],
      ["BLK", { wood: "blackened ash" }, 239_00, 12],
    ],
  },
  {
    name: "Column Uplighter",
    brand: "Halden Row",
    category: "floor-lamps",
    about: `Throws its light at the ceiling and lets the ceiling do the rest. The slim tube takes no more floor than a
      saucer, and the dimmer remembers its last setting.`,
    sku: "FLR-COLUMN",
    variants: [
      ["WHT", { colour: "white" }, 179_00, 20],
      ["BLK", { colour: "black" }, 179_00, 23],
    ],
  },
  {
    name: "Lighthouse Reading Floor Lamp",
    brand: "Wickfield Electric",
    category: "floor-lamps",
    about: `A narrow beam for the book and a soft glow for the room, each with its own switch. The head turns all the
      way round, so it can be shared by two armchairs.`,
    sku: "FLR-LIGHTH",
    variants: [
      ["BRS", { colour: "brass" }, 259_00, 10],
      ["CHR", { colour: "chrome" }, 249_00, 14],
    ],
  },
  {
    name: "Paper Column Floor Lamp",
    brand: "Lumenhult",
    category: "floor-lamps",
    about: `Stands a metre twenty tall, weighs eight hundred grams and glows like a well-behaved ghost. The paper sleeve
      is replaceable, which families with cats will want to know.`,
    sku: "FLR-PAPER",
    variants: [["", {}, 84_00, 41]],
  },
  {
    name: "Filament LED Bulb E27",
    brand: "Wickfield Electric",
    category: "bulbs-switches",
    about: `Looks like the bulb you grew up with and uses a tenth of the current. The light is a warm 2700 K, dims
      without humming, and reds stay red.`,
    sku: "BLB-FIL-E27",
    variants: [
      ["4", { power: "4 W" }, 7_90, 230],
      ["7", { power: "7 W" }, 8_90, 250],
      ["11", { power: "11 W" }, 11_90, 176],
    ],
  },
  {
    name: "Globe Opal LED Bulb",
    brand: "Wickfield Electric",
    category: "bulbs-switches",
    about: `A frosted sphere that is meant to be seen. It hides every filament and spreads its light evenly, so a bare
      socket becomes a lamp.`,
    sku: "BLB-GLOBE",
    variants: [
      ["95", { diameter: "95 mm" }, 14_90, 122],
      ["125", { diameter: "125 mm" }, 18_90, 97],
    ],
  },
  {
    name: "Candle LED Bulb E14, Pack of 4",
    brand: "Duskworks",
    category: "bulbs-switches",
    about: `For chandeliers and bedside lamps with narrow throats. All four come from the same batch, which means they
      also agree about what warm white is.`,
    sku: "BLB-CANDLE-E14",
    variants: [["", {}, 19_90, 138]],
  },
  {
    name: "Dimmer Switch Turn",
    brand: "Halden Row",
    category: "bulbs-switches",
    about: `A knurled knob that fades rather than jumps, tuned for LED loads as small as three watts. The plate hides
      the screws and sits flush on old plaster.`,
    sku: "SWI-TURN",
    variants: [
      ["BRS", { finish: "brass" }, 46_00, 51],
      ["BLK", { finish: "black" }, 42_00, 58],
      ["WHT", { finish: "white" }, 38_00, 83],
    ],
  },
  {
    name: "Cotton Flex by the Three Metres",
    brand: "Wickfield Electric",
    category: "bulbs-switches",
    about: `Braided cotton over double insulation, so an old lamp may be rewired safely and look as if it never was. Cut
      in three-metre lengths and coiled by hand.`,
    sku: "FLX-COTTON",
    variants: [
      ["SND", { colour: "sand" }, 12_90, 90],
      ["BLK", { colour: "black" }, 12_90, 101],
      ["RED", { colour: "brick red" }, 12_90, 44],
      ["GRN", { colour: "moss" }, 12_90, 2],
    ],
  },
  {
    name: "Garland Outdoor Lights",
    brand: "Duskworks",
    category: "bulbs-switches",
    about: `Shatterproof bulbs on a rubber cable that stays out all winter. Lengths couple together up to sixty metres,
      which is one generous garden or a modest street party.`,
    sku: "GRL-OUTDOOR",
    variants: [
      ["10", { length: "10 m" }, 54_90, 49],
      ["20", { length: "20 m" }, 89_90, 27],
    ],
  },
]);
