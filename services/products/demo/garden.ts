import { shelf } from "./demo-product.ts";

export const garden = shelf([
  {
    name: "Daughter's Hand Trowel",
    brand: "Thornby & Daughters",
    category: "hand-tools",
    about: `Forged in one piece from the tip to the tang, with depth marks filed into the blade. The ash handle is
      turned a touch fatter in the middle, where a palm wants it.`,
    sku: "TRW-DAUGHTER",
    variants: [["", {}, 28_50, 94]],
  },
  {
    name: "Border Spade",
    brand: "Thornby & Daughters",
    category: "hand-tools",
    about: `Smaller than a digging spade and happier between perennials. The treads are folded over for the sake of your
      soles, and the mirror-finished blade lets clay slide off.`,
    sku: "SPD-BORDER",
    variants: [
      ["SHT", { handle: "short" }, 59_00, 37],
      ["LNG", { handle: "long" }, 64_00, 29],
    ],
  },
  {
    name: "Digging Fork",
    brand: "Thornby & Daughters",
    category: "hand-tools",
    about: `Four square tines that lift potatoes without spearing them. The socket runs halfway up the shaft, so it
      bends neither in clay nor in anger.`,
    sku: "FRK-DIGGING",
    pictures: 1,
    variants: [["", {}, 68_00, 24]],
  },
  {
    name: "Wren Bypass Secateurs",
    brand: "Larkspade",
    category: "hand-tools",
    about: `Cuts clean up to twenty-two millimetres and opens no wider than your hand. Blade, spring and catch are all
      sold singly; the red grips are easy to find in the grass.`,
    sku: "SEC-WREN",
    variants: [
      ["R", { hand: "right" }, 46_00, 62],
      ["L", { hand: "left" }, 46_00, 9],
    ],
  },
  {
    name: "Apple Loppers",
    brand: "Larkspade",
    category: "hand-tools",
    about: `Geared jaws halve the effort on branches as thick as a broomstick. The handles are telescopic, and there is
      a hook for hanging the loppers in the tree while you change your footing.`,
    sku: "LOP-APPLE",
    variants: [["", {}, 72_00, 31]],
  },
  {
    name: "Weeding Knife Hori",
    brand: "Larkspade",
    category: "hand-tools",
    about: `Half knife, half trowel, with one serrated edge for roots and stubborn twine. It comes in a leather sheath
      that closes with a stud, since it will otherwise be left in the bed.`,
    sku: "KNF-HORI",
    variants: [["", {}, 39_90, 45]],
  },
  {
    name: "Goatskin Garden Gloves",
    brand: "Mossgate",
    category: "hand-tools",
    about: `Thin enough to pick up a carrot seed, tough enough for brambles on a calm day. Machine washable once, at
      your own risk; they prefer to be wiped.`,
    sku: "GLV-GOAT",
    variants: [
      ["S", { size: "S" }, 24_90, 38],
      ["M", { size: "M" }, 24_90, 66],
      ["L", { size: "L" }, 24_90, 51],
      ["XL", { size: "XL" }, 24_90, 0],
    ],
  },
  {
    name: "Old Pump Watering Can",
    brand: "Old Pump Row",
    category: "watering",
    about: `Hot-dip galvanised, with the balance point exactly beneath your hand when full. The brass rose makes a rain
      so soft that seedlings stay where they were sown.`,
    sku: "CAN-PUMP",
    variants: [
      ["5-ZNC", { capacity: "5 l", colour: "zinc" }, 46_00, 57],
      ["5-GRN", { capacity: "5 l", colour: "racing green" }, 52_00, 34],
      ["9-ZNC", { capacity: "9 l", colour: "zinc" }, 58_00, 41],
      ["9-GRN", { capacity: "9 l", colour: "racing green" }, 64_00, 19],
    ],
  },
  {
    name: "Windowsill Watering Can 1 l",
    brand: "Old Pump Row",
    category: "watering",
    about: `A long spout that reaches past the leaves to the soil, and a small copper body that ages towards brown. It
      lives on the sill because it is too pretty for the cupboard.`,
    sku: "CAN-SILL-1",
    variants: [
      ["COP", { finish: "copper" }, 36_00, 48],
      ["WHT", { finish: "white enamel" }, 29_00, 63],
    ],
  },
  {
    name: "Adder Garden Hose",
    brand: "Mossgate",
    category: "watering",
    about: `Six layers that refuse to kink and stay supple in frost. The couplings are brass and take any standard
      fitting.`,
    sku: "HOS-ADDER",
    variants: [
      ["15", { length: "15 m" }, 49_00, 39],
      ["25", { length: "25 m" }, 72_00, 44],
      ["50", { length: "50 m" }, 129_00, 8],
    ],
  },
  {
    name: "Wall-Mounted Hose Reel",
    brand: "Mossgate",
    category: "watering",
    about: `Pulls out where you want it, locks at every half metre and winds itself home in neat layers. The bracket
      swivels and lifts off before winter.`,
    sku: "REL-WALL",
    pictures: 1,
    variants: [["", {}, 119_00, 17]],
  },
  {
    name: "Dew Drip Irrigation Kit",
    brand: "Mossgate",
    category: "watering",
    about: `Twenty drippers, fifteen metres of tube and a tap timer that understands holidays. Press the tube together
      by hand; each dripper is adjustable, from tomato down to thyme.`,
    sku: "KIT-DEW",
    variants: [["", {}, 64_50, 53]],
  },
  {
    name: "Oak Rain Barrel 120 l",
    brand: "Old Pump Row",
    category: "watering",
    about: `A retired wine cask with a brass tap and an overflow, re-hooped and sealed. Let it swell for two days, then
      it will hold a July storm for a dry August.`,
    sku: "BRL-OAK-120",
    pictures: 1,
    variants: [["", {}, 189_00, 6]],
  },
  {
    name: "Terrace Planter Box",
    brand: "Larkspade",
    category: "planters",
    about: `Larch boards held by steel corners, with a liner that drains and a false floor for light balconies. It greys
      to silver in a year unless you oil it; both look right.`,
    sku: "PLT-TERRACE",
    variants: [
      ["60", { size: "60 × 30 cm" }, 79_00, 32],
      ["90", { size: "90 × 40 cm" }, 119_00, 21],
      ["120", { size: "120 × 40 cm" }, 149_00, 12],
    ],
  },
  {
    name: "Hand-Thrown Terracotta Pot",
    brand: "Old Pump Row",
    category: "planters",
    about: `Fired hot enough to be left outside in frost, and thrown on a wheel, so no two rims agree. The saucer is
      included and glazed on top.`,
    sku: "POT-TERRA",
    variants: [
      ["14", { size: "14 cm" }, 14_90, 123],
      ["20", { size: "20 cm" }, 22_90, 91],
      ["28", { size: "28 cm" }, 38_90, 47],
    ],
  },
  {
    name: "Tower Strawberry Planter",
    brand: "Humusfield",
    category: "planters",
    about: `Five stacked rings, twenty pockets, one square foot of floor. Pour water in at the top and a perforated core
      carries it down to the greedy ones below.`,
    sku: "PLT-TOWER",
    variants: [["", {}, 54_00, 28]],
  },
  {
    name: "Trellis Fan",
    brand: "Larkspade",
    category: "planters",
    about: `Split chestnut, riveted at the foot and free to spread at the top. It gives sweet peas a ladder and a bare
      wall something to do.`,
    sku: "TRL-FAN",
    variants: [
      ["120", { size: "120 cm" }, 32_00, 43],
      ["180", { size: "180 cm" }, 46_00, 26],
    ],
  },
  {
    name: "Grow Bag Herb Trio",
    brand: "Humusfield",
    category: "planters",
    about: `Three felt bags in a jute tray, sized for a kitchen balcony. The fabric lets roots breathe and keeps basil
      from sulking in wet feet.`,
    sku: "BAG-HERB",
    variants: [["", {}, 26_90, 70]],
  },
  {
    name: "Kitchen Garden Seed Box",
    brand: "Humusfield",
    category: "seeds-soil",
    about: `Twenty packets sorted by the month in which to sow them, from February's broad beans to September's corn
      salad. Open-pollinated throughout, so you may save your own for the next year.`,
    sku: "SED-KITCH",
    variants: [["", {}, 34_90, 76]],
  },
  {
    name: "Meadow in a Tin",
    brand: "Humusfield",
    category: "seeds-soil",
    about: `Cornflower, viper's bugloss, wild carrot and thirty others, mixed with sand so you can see where you have
      been. One tin covers ten square metres and at least three kinds of bumblebee.`,
    sku: "SED-MEADOW",
    variants: [
      ["DRY", { soil: "dry and sunny" }, 12_90, 118],
      ["MST", { soil: "moist" }, 12_90, 82],
      ["SHD", { soil: "half shade" }, 12_90, 3],
    ],
  },
  {
    name: "Heirloom Tomato Seeds, Five Kinds",
    brand: "Humusfield",
    category: "seeds-soil",
    about: `A yellow pear, a black cherry, a ribbed beefsteak, an early bush and a striped one that tastes of lime. Ten
      seeds of each, tested for germination this winter.`,
    sku: "SED-TOMATO",
    pictures: 1,
    variants: [["", {}, 9_90, 166]],
  },
  {
    name: "Peat-Free Potting Compost",
    brand: "Humusfield",
    category: "seeds-soil",
    about: `Composted bark, wood fibre and a little clay, sieved to the fineness of good crumble. Feeds young plants for
      about six weeks and smells of woodland rather than of bin.`,
    sku: "SOI-COMPOST",
    variants: [
      ["20", { capacity: "20 l" }, 9_90, 140],
      ["40", { capacity: "40 l" }, 16_90, 113],
    ],
  },
  {
    name: "Worm House Composter",
    brand: "Mossgate",
    category: "seeds-soil",
    about: `Three stacking trays turn peelings into black gold on a balcony without smell. A voucher for five hundred
      worms is inside the lid; they travel separately and prefer mild weather.`,
    sku: "CMP-WORM",
    pictures: 1,
    variants: [["", {}, 98_00, 15]],
  },
]);
