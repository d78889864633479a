import { shelf } from "./demo-product.ts";

export const outdoor = shelf([
  {
    name: "Skerry 2 Tunnel Tent",
    brand: "Fjellvak",
    category: "tents",
    about: `Two poles, six pegs, and it stands while the rain is still deciding. The porch takes two wet packs and a
      stove, and the inner hangs from the outer so it goes up dry. Seams are taped by hand and checked under a
      hose.`,
    sku: "TNT-SKERRY-2",
    variants: [
      ["MOS", { colour: "moss" }, 429_00, 16],
      ["OCH", { colour: "ochre" }, 429_00, 9],
    ],
  },
  {
    name: "Skerry 3 Tunnel Tent",
    brand: "Fjellvak",
    category: "tents",
    about: `A third sleeper or a dog who sprawls: the longer Skerry has room for either, plus a second door so nobody
      climbs over anybody. At 2.9 kilos it splits nicely between two packs.`,
    sku: "TNT-SKERRY-3",
    variants: [
      ["MOS", { colour: "moss" }, 529_00, 11],
      ["OCH", { colour: "ochre" }, 529_00, 0],
    ],
  },
  {
    name: "Wisp 1 Trekking Pole Tent",
    brand: "Kestrelpeak",
    category: "tents",
    about: `You already carry the poles; Wisp is the other 690 grams. A single-wall shelter with a bathtub floor, two
      vents that really move air, and enough height at the head end to sit up and swear at the weather.`,
    sku: "TNT-WISP-1",
    pictures: 1,
    variants: [["", {}, 349_00, 13]],
  },
  {
    name: "Homestead 5 Family Tent",
    brand: "Ashgrove Camp",
    category: "tents",
    about: `A living room you can stand in and two dark bedrooms in which children sleep past five. The poles are
      colour-coded, the windows have real curtains, and the groundsheet zips out when the beach comes in.`,
    sku: "TNT-HOME-5",
    pictures: 1,
    variants: [["", {}, 689_00, 7]],
  },
  {
    name: "Lean-To Tarp",
    brand: "Ashgrove Camp",
    category: "tents",
    about: `Nineteen loops along the edges and a book of nine ways to use them. The cotton blend shrugs off sparks from
      the fire and goes quiet in the wind, where nylon would flap.`,
    sku: "TRP-LEANTO",
    variants: [
      ["3", { size: "3 × 3 m" }, 119_00, 32],
      ["4", { size: "4 × 4 m" }, 169_00, 18],
    ],
  },
  {
    name: "Anchor Peg Set",
    brand: "Kestrelpeak",
    category: "tents",
    about: `Ten Y-shaped pegs in hard alloy, each with a loop of reflecting cord so that you find them before your toes
      do. A bent one can be hammered straight on a stone.`,
    sku: "PEG-ANCHOR",
    variants: [["", {}, 18_90, 160]],
  },
  {
    name: "Eider 0 Down Sleeping Bag",
    brand: "Fjellvak",
    category: "sleeping",
    about: `Comfortable at freezing, thanks to 480 grams of traceable duck down that lofts like a good loaf. The hood
      closes with one hand and the zip has a stiff guard, so it does not bite the lining at three in the morning.`,
    sku: "SLB-EIDER-0",
    variants: [
      ["R", { size: "regular" }, 319_00, 27],
      ["L", { size: "long" }, 339_00, 14],
    ],
  },
  {
    name: "Heath Summer Sleeping Bag",
    brand: "Drumlin Trail",
    category: "sleeping",
    about: `For huts, attics and warm nights under trees. It opens flat into a quilt, two of them zip together, and the
      cotton lining feels like bed rather than like a raincoat.`,
    sku: "SLB-HEATH",
    variants: [
      ["BRK", { colour: "bracken" }, 79_00, 61],
      ["BLU", { colour: "dusk blue" }, 79_00, 48],
    ],
  },
  {
    name: "Cub Children's Sleeping Bag",
    brand: "Drumlin Trail",
    category: "sleeping",
    about: `A drawstring shortens it, so it fits at four and still fits at ten. There is a pocket for one soft animal
      and a torch. Warm down to eight degrees, which is when we suggest going indoors anyway.`,
    sku: "SLB-CUB",
    variants: [
      ["FOX", { colour: "fox red" }, 64_90, 40],
      ["PND", { colour: "pond green" }, 64_90, 33],
    ],
  },
  {
    name: "Raft Insulated Sleeping Mat",
    brand: "Kestrelpeak",
    category: "sleeping",
    about: `Nine centimetres of air between you and the roots, with a reflective layer that hums with warmth instead of
      crackling. The pump sack doubles as a pillowcase.`,
    sku: "MAT-RAFT",
    variants: [
      ["R", { size: "regular" }, 149_00, 38],
      ["W", { size: "wide" }, 169_00, 20],
      ["L", { size: "long and wide" }, 184_00, 5],
    ],
  },
  {
    name: "Ledge Foam Mat",
    brand: "Kestrelpeak",
    category: "sleeping",
    about: `Folds like a map, never punctures, and is at hand in three seconds for lunch on wet granite. The dimples
      trap warm air; the silver side goes up in winter.`,
    sku: "MAT-LEDGE",
    pictures: 1,
    variants: [["", {}, 39_90, 122]],
  },
  {
    name: "Nodding Camp Pillow",
    brand: "Drumlin Trail",
    category: "sleeping",
    about: `Half air, half down, so it has both shape and softness. The brushed cover unbuttons for the wash and the
      whole thing packs into a fist.`,
    sku: "PIL-NOD",
    variants: [["", {}, 34_90, 77]],
  },
  {
    name: "Tarn 28 Day Pack",
    brand: "Tarnwick",
    category: "packs",
    about: `A top lid, two stretchy sides and a back panel that keeps a finger's width off your shirt. The rain cover
      lives in its own pocket, and the chest buckle is a whistle.`,
    sku: "PCK-TARN-28",
    variants: [
      ["SLT", { colour: "slate" }, 109_00, 58],
      ["FRN", { colour: "fern" }, 109_00, 43],
      ["RST", { colour: "rust" }, 109_00, 26],
    ],
  },
  {
    name: "Tarn 55 Trekking Pack",
    brand: "Tarnwick",
    category: "packs",
    about: `Carries two weeks of food without carrying you off balance. The frame adjusts along a ladder of webbing
      while you wear it, and the lower compartment opens from the outside for the person whose turn it is to cook.`,
    sku: "PCK-TARN-55",
    variants: [
      ["S-SLT", { back: "short", colour: "slate" }, 219_00, 17],
      ["L-SLT", { back: "long", colour: "slate" }, 219_00, 22],
      ["S-FRN", { back: "short", colour: "fern" }, 219_00, 8],
      ["L-FRN", { back: "long", colour: "fern" }, 219_00, 12],
    ],
  },
  {
    name: "Ferry Roll-Top Dry Bag",
    brand: "Tarnwick",
    category: "packs",
    about: `Welded, not sewn, with a pale lining so you can find the socks. Roll it three times, press out the air, and
      it will float your lunch across a river.`,
    sku: "BAG-FERRY",
    variants: [
      ["5", { capacity: "5 l" }, 17_90, 130],
      ["15", { capacity: "15 l" }, 24_90, 101],
      ["35", { capacity: "35 l" }, 34_90, 66],
    ],
  },
  {
    name: "Sparrow Packable Backpack",
    brand: "Drumlin Trail",
    category: "packs",
    about: `A twenty-litre rucksack that hides in a pouch the size of an orange. Bring it for the summit push, the
      farmers' market, or everything you swore you would not buy on the journey.`,
    sku: "PCK-SPARROW",
    variants: [
      ["BLK", { colour: "black" }, 36_00, 95],
      ["MUS", { colour: "mustard" }, 36_00, 70],
    ],
  },
  {
    name: "Switchback Trekking Poles, Pair",
    brand: "Kestrelpeak",
    category: "packs",
    about: `Three aluminium sections, lever locks that can be tightened with a coin, and cork grips that mould to you by
      the second summer. The extra foam below the grip is for steep traverses.`,
    sku: "POL-SWITCH",
    variants: [["", {}, 84_00, 49]],
  },
  {
    name: "Ember Gas Stove",
    brand: "Ashgrove Camp",
    category: "camp-kitchen",
    about: `The wide burner is made for simmering, which most small stoves refuse to do. Its legs fold around the valve
      and the whole stove lives inside a half-litre mug. Boils a litre in under four minutes when you are in more
      of a hurry.`,
    sku: "STV-EMBER",
    pictures: 1,
    variants: [["", {}, 54_90, 68]],
  },
  {
    name: "Billy Pot Set",
    brand: "Ashgrove Camp",
    category: "camp-kitchen",
    about: `Two pots, one pan that is also the lid, and a grip that fits them all. Hard-anodised, so porridge lifts off
      with a wooden spoon and a little patience.`,
    sku: "POT-BILLY",
    variants: [
      ["2", { size: "for two" }, 64_00, 36],
      ["4", { size: "for four" }, 89_00, 21],
    ],
  },
  {
    name: "Kindling Enamel Mug",
    brand: "Ashgrove Camp",
    category: "camp-kitchen",
    about: `Steel under two coats of enamel, with a rolled rim that is kind to cold lips. It will chip one day and look
      better for it.`,
    sku: "MUG-KINDLING",
    variants: [
      ["CRM", { colour: "cream" }, 9_90, 204],
      ["PIN", { colour: "pine green" }, 9_90, 187],
      ["BLU", { colour: "smoke blue" }, 9_90, 2],
    ],
  },
  {
    name: "Spring Water Filter",
    brand: "Tarnwick",
    category: "camp-kitchen",
    about: `Fill the pouch from the stream, screw on the filter and squeeze. A thousand litres pass through before it
      needs replacing, and a back-flush with clean water brings the flow back meanwhile.`,
    sku: "FIL-SPRING",
    variants: [["", {}, 44_90, 59]],
  },
  {
    name: "Larder Cool Box",
    brand: "Drumlin Trail",
    category: "camp-kitchen",
    about: `Thick walls, a gasket like a fridge's and a lid you may sit on. With two ice packs it keeps milk for three
      days in the shade. The drain is at the corner, where water actually goes.`,
    sku: "COO-LARDER",
    variants: [
      ["18", { capacity: "18 l" }, 99_00, 24],
      ["32", { capacity: "32 l" }, 139_00, 15],
    ],
  },
  {
    name: "Beacon Camp Lantern",
    brand: "Kestrelpeak",
    category: "camp-kitchen",
    about: `Warm light, a hook, and a dimmer that goes all the way down to moonlight. It recharges in the car and gives
      some of its power back to a phone that needs it more.`,
    sku: "LAN-BEACON",
    pictures: 1,
    variants: [["", {}, 39_00, 83]],
  },
]);
