import { shelf } from "./demo-product.ts";

export const coffeeKitchen = shelf([
  {
    name: "Heron Gooseneck Kettle 0.9 l",
    brand: "Ferrovat",
    category: "kettles-brewers",
    about: `The spout is drawn so fine that the last drop obeys you. A thermometer sits in the lid where you can read it
      while pouring, and the counterweighted handle keeps 0.9 litres of water from feeling heavy.`,
    sku: "KTL-HERON-09",
    variants: [
      ["BLK", { colour: "matt black" }, 69_00, 84],
      ["STL", { colour: "brushed steel" }, 65_00, 41],
      ["SAG", { colour: "sage" }, 69_00, 12],
    ],
  },
  {
    name: "Heron Electric Kettle 1.2 l",
    brand: "Ferrovat",
    category: "kettles-brewers",
    about: `The electric sibling of the Heron holds any temperature between 40 and 100 °C for up to an hour. Green tea,
      black tea and coffee each get a button of their own. It switches off the moment you lift it and remembers
      where it was when you set it back.`,
    sku: "KTL-HERONE-12",
    variants: [
      ["BLK", { colour: "matt black" }, 139_00, 36],
      ["IVO", { colour: "ivory" }, 139_00, 3],
    ],
  },
  {
    name: "Ridge Pour-Over Dripper",
    brand: "Brühwald",
    category: "kettles-brewers",
    about: `Twenty-four spiral ridges hold the paper away from the wall so that air can escape and the bed drains
      evenly. Fired in stoneware thick enough to keep its heat through a slow brew. Size 1 makes one large mug,
      size 2 a pot for three.`,
    sku: "DRP-RIDGE",
    variants: [
      ["1-WHT", { size: "1", colour: "white" }, 24_90, 120],
      ["1-INK", { size: "1", colour: "ink blue" }, 26_90, 58],
      ["2-WHT", { size: "2", colour: "white" }, 29_90, 97],
      ["2-INK", { size: "2", colour: "ink blue" }, 31_90, 0],
    ],
  },
  {
    name: "Ridge Filter Papers, Pack of 100",
    brand: "Brühwald",
    category: "kettles-brewers",
    about: `Oxygen-bleached paper without a taste of its own, crimped twice along the seam so it does not burst under an
      impatient pour. The pack is a drawer box: pull one out, the next follows.`,
    sku: "FLT-RIDGE",
    variants: [
      ["1", { size: "1" }, 5_90, 240],
      ["2", { size: "2" }, 6_90, 215],
    ],
  },
  {
    name: "Sill French Press",
    brand: "Kopperlund",
    category: "kettles-brewers",
    about: `Double-walled steel keeps the second cup as hot as the first, and you may drop it. The plunger carries two
      meshes and a silicone lip, which leaves remarkably little mud at the bottom of the cup.`,
    sku: "PRS-SILL",
    variants: [
      ["035", { capacity: "0.35 l" }, 39_90, 62],
      ["080", { capacity: "0.8 l" }, 54_90, 73],
      ["100", { capacity: "1.0 l" }, 59_90, 27],
    ],
  },
  {
    name: "Alba Stovetop Moka Pot",
    brand: "Kopperlund",
    category: "kettles-brewers",
    about: `Cast aluminium was good enough for our grandmothers; we only changed the gasket, which is silicone and
      lasts, and the handle, which stays cool. It rumbles when the coffee is ready, as it should.`,
    sku: "MKA-ALBA",
    variants: [
      ["3", { cups: "3" }, 28_90, 110],
      ["6", { cups: "6" }, 36_90, 86],
      ["9", { cups: "9" }, 45_90, 4],
    ],
  },
  {
    name: "Cold Harbour Brew Jug 1.5 l",
    brand: "Maisonvale",
    category: "kettles-brewers",
    about: `Fill the mesh core with coarse grounds in the evening and find iced coffee in the fridge door at breakfast.
      The borosilicate jug has flat sides, so it stands beside the milk instead of in front of it.`,
    sku: "JUG-COLDH-15",
    variants: [["", {}, 32_50, 66]],
  },
  {
    name: "Foreman Filter Coffee Machine",
    brand: "Ferrovat",
    category: "kettles-brewers",
    about: `It does one thing, filter coffee by the litre, and does it at a steady 94 °C with a proper bloom before the
      main pour. No display, no app, one switch. Every part can be unscrewed and every part can be ordered.`,
    sku: "MCH-FOREMAN",
    pictures: 1,
    variants: [
      ["BLK", { colour: "black" }, 229_00, 18],
      ["RED", { colour: "signal red" }, 229_00, 7],
      ["STL", { colour: "steel" }, 239_00, 22],
    ],
  },
  {
    name: "Pocket Mill Hand Grinder",
    brand: "Brühwald",
    category: "grinders",
    about: `A hand grinder slim enough to live inside most travel brewers. The steel burrs ride on two bearings, so the
      crank turns true and a dose for one cup takes forty seconds of quiet work.`,
    sku: "GRD-POCKET",
    variants: [["", {}, 74_00, 54]],
  },
  {
    name: "Old Miller Hand Grinder",
    brand: "Brühwald",
    category: "grinders",
    about: `Hold it between your knees, the way it was meant to be held. The beech body is oiled, not varnished, and the
      drawer catches thirty grams, which is breakfast for three. Grind size is set with a brass wheel under the
      crank.`,
    sku: "GRD-OLDM",
    variants: [
      ["BCH", { wood: "beech" }, 89_00, 31],
      ["WNT", { wood: "walnut" }, 104_00, 9],
    ],
  },
  {
    name: "Quern 54 Electric Grinder",
    brand: "Ferrovat",
    category: "grinders",
    about: `Flat 54 mm burrs, stepless adjustment and a motor that turns slowly on purpose: less heat, less static, less
      noise at six in the morning. A puff of the rubber bellows sends the last half gram into your cup rather than
      into tomorrow's.`,
    sku: "GRD-QUERN54",
    variants: [
      ["BLK", { colour: "black" }, 289_00, 21],
      ["WHT", { colour: "white" }, 289_00, 16],
      ["COP", { colour: "copper" }, 319_00, 2],
    ],
  },
  {
    name: "Peppercorn Tower Mill",
    brand: "Stonefennel",
    category: "grinders",
    about: `The ceramic grinding works are at the top, so nothing trickles onto the table when you set it down. Shake,
      turn, season. It handles coarse salt as willingly as pepper, though not both at the same time.`,
    sku: "MIL-PEPPER",
    variants: [
      ["14", { size: "14 cm" }, 26_90, 88],
      ["22", { size: "22 cm" }, 34_90, 45],
    ],
  },
  {
    name: "Granite Mortar Basalt",
    brand: "Stonefennel",
    category: "grinders",
    about: `Six kilos of rough stone that will not wander across the worktop. Left unpolished inside, it turns garlic,
      salt and basil into pesto before you have found the blender's lid.`,
    sku: "MOR-BASALT",
    pictures: 1,
    variants: [["", {}, 44_00, 29]],
  },
  {
    name: "Smith Carbon Steel Pan",
    brand: "Kopperlund",
    category: "cookware",
    about: `Lighter than cast iron and just as fond of high heat. It arrives with a thin coat of beeswax; burn that off,
      season it with oil and potato peel, and it will release fried eggs within a week.`,
    sku: "PAN-SMITH",
    variants: [
      ["20", { size: "20 cm" }, 39_00, 64],
      ["24", { size: "24 cm" }, 49_00, 102],
      ["28", { size: "28 cm" }, 59_00, 71],
      ["32", { size: "32 cm" }, 72_00, 15],
    ],
  },
  {
    name: "Sunday Cast Iron Casserole",
    brand: "Maisonvale",
    category: "cookware",
    about: `Dimples under the lid drip the steam back onto the roast, evenly, for hours. The enamel is matt inside so
      you can brown first and braise afterwards in the same pot. Take it to the table; it is the prettiest thing
      in the kitchen.`,
    sku: "CAS-SUNDAY",
    variants: [
      ["24-OCH", { size: "24 cm", colour: "ochre" }, 149_00, 26],
      ["24-MID", { size: "24 cm", colour: "midnight" }, 149_00, 33],
      ["28-OCH", { size: "28 cm", colour: "ochre" }, 189_00, 11],
      ["28-MID", { size: "28 cm", colour: "midnight" }, 189_00, 0],
    ],
  },
  {
    name: "Trio Saucepan Set",
    brand: "Kopperlund",
    category: "cookware",
    about: `Three pans that nest inside each other with their lids on, sized for a sauce, for vegetables and for pasta.
      The scale inside each wall spares you the measuring jug, and both rims pour without dripping.`,
    sku: "SET-TRIO",
    pictures: 1,
    variants: [["", {}, 169_00, 24]],
  },
  {
    name: "Steamboat Rice Pot 2 l",
    brand: "Maisonvale",
    category: "cookware",
    about: `Two lids, one rule: leave it alone. The inner lid keeps the starch in and the outer keeps the steam in, so
      rice comes out plump on gas, induction or embers. The clay is glazed inside only and should be soaked before
      its first use.`,
    sku: "POT-STEAM-2",
    variants: [["", {}, 58_00, 37]],
  },
  {
    name: "Linen Oven Gloves, Pair",
    brand: "Stonefennel",
    category: "cookware",
    about: `Washed linen outside, cotton and wool felt between. They reach well past the wrist and are long enough to be
      hung on the oven door without sliding off.`,
    sku: "GLV-LINEN",
    variants: [
      ["NAT", { colour: "natural" }, 22_90, 75],
      ["RST", { colour: "rust" }, 22_90, 49],
      ["SLT", { colour: "slate" }, 22_90, 5],
    ],
  },
  {
    name: "Tern Chef's Knife 20 cm",
    brand: "Maisonvale",
    category: "knives-boards",
    about: `A slim blade with a generous curve, ground thin behind the edge so that onions part instead of crack. The
      handle is stabilised ash and slightly offset: left-handed cooks get their own version, at no extra cost.`,
    sku: "KNF-TERN-20",
    variants: [
      ["R", { hand: "right" }, 94_00, 40],
      ["L", { hand: "left" }, 94_00, 6],
    ],
  },
  {
    name: "Wren Paring Knife 9 cm",
    brand: "Maisonvale",
    category: "knives-boards",
    about: `The knife you reach for first and wash up last. Its spine is rounded where your forefinger rests, and the
      tip is fine enough to hull strawberries.`,
    sku: "KNF-WREN-9",
    variants: [["", {}, 38_00, 92]],
  },
  {
    name: "Crumb Bread Knife 26 cm",
    brand: "Stonefennel",
    category: "knives-boards",
    about: `Wide, shallow scallops glide through a hard crust and leave the soft middle standing. Long enough for a
      two-kilo country loaf, and the offset handle keeps your knuckles off the board.`,
    sku: "KNF-CRUMB-26",
    variants: [["", {}, 52_00, 47]],
  },
  {
    name: "End-Grain Chopping Board",
    brand: "Stonefennel",
    category: "knives-boards",
    about: `The fibres stand upright, so the edge slips between them and the cuts close again. Each board is glued from
      offcuts of the same tree, sanded, oiled and given a juice groove on one side only.`,
    sku: "BRD-ENDGR",
    variants: [
      ["M-OAK", { size: "36 × 24 cm", wood: "oak" }, 79_00, 38],
      ["M-WNT", { size: "36 × 24 cm", wood: "walnut" }, 98_00, 19],
      ["L-OAK", { size: "48 × 32 cm", wood: "oak" }, 119_00, 14],
    ],
  },
  {
    name: "Whetstone 1000 / 4000",
    brand: "Kopperlund",
    category: "knives-boards",
    about: `Two grits back to back: the coarser side brings a tired edge home, the finer one makes it shave tomatoes. It
      comes with a bamboo holder that does not slide and a small angle guide you will soon no longer need.`,
    sku: "WST-1040",
    pictures: 1,
    variants: [["", {}, 42_00, 56]],
  },
]);
