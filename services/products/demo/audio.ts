import { shelf } from "./demo-product.ts";

export const audio = shelf([
  {
    name: "Hush Over-Ear Headphones",
    brand: "Auralind",
    category: "headphones",
    about: `Eight microphones listen to the train so that you need not. The noise cancelling eases in rather than
      clamping down, the ear pads are memory foam under washable fabric, and thirty-eight hours pass between
      charges.`,
    sku: "HPH-HUSH",
    variants: [
      ["BLK", { colour: "black" }, 249_00, 67],
      ["SND", { colour: "sand" }, 249_00, 44],
      ["FOR", { colour: "forest" }, 249_00, 18],
    ],
  },
  {
    name: "Hush Mini On-Ear Headphones",
    brand: "Auralind",
    category: "headphones",
    about: `Everything the large Hush does, folded to the size of a sandwich. Lighter on the head and a little brighter
      in tone, it is the pair our own commuters carry.`,
    sku: "HPH-HUSHM",
    variants: [
      ["BLK", { colour: "black" }, 159_00, 73],
      ["CLY", { colour: "clay" }, 159_00, 0],
    ],
  },
  {
    name: "Atelier Open-Back Headphones",
    brand: "Tonarium",
    category: "headphones",
    about: `An open-back design for quiet rooms and long evenings. Strings have air around them, voices sit in front of
      you, and the velour pads never get hot. The cable is detachable and, at three metres, reaches the armchair.`,
    sku: "HPH-ATELIER",
    variants: [
      ["080", { impedance: "80 ohm" }, 329_00, 15],
      ["250", { impedance: "250 ohm" }, 339_00, 9],
    ],
  },
  {
    name: "Session Studio Headphones",
    brand: "Tonarium",
    category: "headphones",
    about: `Closed, neutral and made to be thrown into a bag. One ear swivels away for monitoring, the coiled cable
      screws in, and pads, headband and drivers are sold as spares for at least ten years.`,
    sku: "HPH-SESSION",
    variants: [["", {}, 119_00, 88]],
  },
  {
    name: "Acorn True Wireless Earbuds",
    brand: "Murmurline",
    category: "headphones",
    about: `Round, light, and with four sizes of tip so they stay put on a staircase. Press and hold to hear the world,
      tap to leave it again. The case charges from any USB-C cable or from the mat beside your bed.`,
    sku: "EAR-ACORN",
    variants: [
      ["CHK", { colour: "chalk" }, 99_00, 150],
      ["GRA", { colour: "graphite" }, 99_00, 132],
      ["MOS", { colour: "moss" }, 99_00, 4],
    ],
  },
  {
    name: "Acorn Sport Earbuds",
    brand: "Murmurline",
    category: "headphones",
    about: `A soft wing tucks into the fold of the ear and survives sprints, burpees and shaking heads. Sealed against
      sweat and rain, with a single physical button that works with wet fingers.`,
    sku: "EAR-ACORNSP",
    variants: [
      ["BLK", { colour: "black" }, 119_00, 64],
      ["CRL", { colour: "coral" }, 119_00, 39],
    ],
  },
  {
    name: "Lullaby Sleep Band",
    brand: "Murmurline",
    category: "headphones",
    about: `Two flat speakers inside a jersey headband, thin enough to disappear into the pillow. Play rain, a novel or
      nothing at all; after an hour without movement it fades out on its own. The band goes in the wash once the
      electronics have been pulled out.`,
    sku: "EAR-LULLABY",
    pictures: 1,
    variants: [["", {}, 49_90, 52]],
  },
  {
    name: "Cobble Bluetooth Speaker",
    brand: "Vexholm",
    category: "speakers",
    about: `It fits a coat pocket and plays a picnic. The rubber foot grips a tilted handlebar bag as well as a wet
      jetty, and a dunking in the lake only makes it quieter for a minute.`,
    sku: "SPK-COBBLE",
    variants: [
      ["GRY", { colour: "grey" }, 59_00, 140],
      ["BLU", { colour: "lake blue" }, 59_00, 96],
      ["YLW", { colour: "yolk yellow" }, 59_00, 71],
    ],
  },
  {
    name: "Boulder Party Speaker",
    brand: "Vexholm",
    category: "speakers",
    about: `Eleven kilos, two handles and a woofer that moves the gravel. The battery lasts from the first sausage to
      the last guest, and the light ring can be switched off for neighbourly reasons.`,
    sku: "SPK-BOULDER",
    pictures: 1,
    variants: [["", {}, 399_00, 13]],
  },
  {
    name: "Shelfmate Bookshelf Speakers, Pair",
    brand: "Tonarium",
    category: "speakers",
    about: `Small two-way speakers that do not insist on standing free. The port faces forward, so they may sit against
      a wall, between novels, and still give a double bass its body. Sold as matched pairs, veneered from the same
      sheet.`,
    sku: "SPK-SHELF",
    variants: [
      ["OAK", { finish: "oak veneer" }, 449_00, 20],
      ["WNT", { finish: "walnut veneer" }, 479_00, 12],
      ["WHT", { finish: "matt white" }, 429_00, 25],
    ],
  },
  {
    name: "Parlour Active Speakers, Pair",
    brand: "Tonarium",
    category: "speakers",
    about: `Amplifier, converter and phono stage live inside the left cabinet, so a turntable and a cable are all you
      add. Turn the knob and it moves; there is a motor behind it, and children will want to watch.`,
    sku: "SPK-PARLOUR",
    variants: [
      ["WNT", { finish: "walnut" }, 899_00, 8],
      ["BLK", { finish: "black ash" }, 849_00, 11],
    ],
  },
  {
    name: "Mantel Radio",
    brand: "Murmurline",
    category: "speakers",
    about: `Digital and FM stations, six presets under honest clicking buttons, and a wooden cabinet that makes
      newsreaders sound well rested. An alarm with a slow fade and a headphone socket are there when you look for
      them.`,
    sku: "RAD-MANTEL",
    variants: [
      ["OAK", { wood: "oak" }, 179_00, 34],
      ["CHR", { wood: "cherry" }, 189_00, 17],
    ],
  },
  {
    name: "Cistern Shower Radio",
    brand: "Murmurline",
    category: "speakers",
    about: `Hangs from the rail by a loop of cord and runs for weeks on two rechargeable cells. The dial is large enough
      for soapy hands. It knows four presets, which turns out to be plenty before breakfast.`,
    sku: "RAD-CISTERN",
    pictures: 1,
    variants: [["", {}, 34_90, 81]],
  },
  {
    name: "Gallery Soundbar",
    brand: "Vexholm",
    category: "speakers",
    about: `Low enough to stay under the picture and wide enough to make it feel larger. A dialogue setting lifts voices
      out of the explosions without touching the rest. One cable to the television, and its remote does the
      volume.`,
    sku: "SBR-GALLERY",
    variants: [
      ["80", { size: "80 cm" }, 279_00, 29],
      ["110", { size: "110 cm" }, 379_00, 16],
    ],
  },
  {
    name: "Undertow Subwoofer",
    brand: "Vexholm",
    category: "speakers",
    about: `A sealed ten-inch cube that starts and stops with the music. Place it in a corner, run the test tone once,
      and it will measure the room and mind its manners.`,
    sku: "SUB-UNDERTOW",
    pictures: 1,
    variants: [["", {}, 349_00, 10]],
  },
  {
    name: "Carousel Turntable",
    brand: "Pellucord",
    category: "turntables-hifi",
    about: `Belt-driven, with a platter of pressed cork and a tonearm that is balanced before it leaves the workshop.
      Unpack it, slip on the belt, and the first record is playing ten minutes later.`,
    sku: "TRN-CAROUSEL",
    variants: [
      ["WHT", { finish: "white" }, 329_00, 23],
      ["BLK", { finish: "black" }, 329_00, 31],
      ["WNT", { finish: "walnut" }, 369_00, 1],
    ],
  },
  {
    name: "Carousel Reference Turntable",
    brand: "Pellucord",
    category: "turntables-hifi",
    about: `The same calm looks, but the platter weighs five kilos, the bearing is sapphire and the motor lives in a box
      of its own. It resolves the breath before the phrase. Cartridge mounted and aligned by the person whose name
      is on the card.`,
    sku: "TRN-CARREF",
    pictures: 1,
    variants: [["", {}, 1490_00, 3]],
  },
  {
    name: "Meadow Moving-Magnet Cartridge",
    brand: "Pellucord",
    category: "turntables-hifi",
    about: `A forgiving elliptical stylus that tracks warped flea-market finds without complaint. The needle slides out
      for replacement; the body stays on the arm.`,
    sku: "CRT-MEADOW",
    variants: [["", {}, 89_00, 46]],
  },
  {
    name: "Ledger Stereo Amplifier",
    brand: "Tonarium",
    category: "turntables-hifi",
    about: `Fifty honest watts per channel, one digital input, three for everything else and a headphone output that
      deserves the name. The lid is a heat sink, which is why there is no fan to hear.`,
    sku: "AMP-LEDGER",
    variants: [
      ["SLV", { colour: "silver" }, 549_00, 14],
      ["BLK", { colour: "black" }, 549_00, 19],
    ],
  },
  {
    name: "Courier Network Streamer",
    brand: "Auralind",
    category: "turntables-hifi",
    about: `Adds radio, playlists and your own music folder to any amplifier made since 1970. It can be operated
      entirely from the knob on its front, so guests need no password to change the record.`,
    sku: "STR-COURIER",
    pictures: 1,
    variants: [["", {}, 299_00, 27]],
  },
  {
    name: "Record Brush Set",
    brand: "Pellucord",
    category: "turntables-hifi",
    about: `Carbon fibre for the daily dust, goat hair for the velvet edge, and a tiny bristle for the stylus. The stand
      holds all three upright and keeps them from touching each other.`,
    sku: "CLN-BRUSH",
    variants: [["", {}, 24_90, 115]],
  },
  {
    name: "Crate Record Box",
    brand: "Pellucord",
    category: "turntables-hifi",
    about: `Holds seventy LPs with room to flick through them. Finger joints, felt under the feet, and a front that
      slopes back so sleeves lean towards you instead of collapsing.`,
    sku: "BOX-CRATE",
    variants: [
      ["PIN", { wood: "pine" }, 49_00, 58],
      ["OAK", { wood: "oak" }, 79_00, 22],
    ],
  },
  {
    name: "Braided Speaker Cable",
    brand: "Auralind",
    category: "turntables-hifi",
    about: `Oxygen-free copper under a cotton jacket that lies flat along the skirting board. Cut, tinned and labelled
      at both ends, and sold as a pair because nobody needs just one.`,
    sku: "CBL-BRAID",
    variants: [
      ["2", { length: "2 m" }, 29_00, 90],
      ["3", { length: "3 m" }, 37_00, 74],
      ["5", { length: "5 m" }, 52_00, 41],
    ],
  },
]);
