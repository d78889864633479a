import { shelf } from "./demo-product.ts";

export const sports = shelf([
  {
    name: "Rootwork Yoga Mat",
    brand: "Asanelle",
    category: "yoga",
    about: `Natural rubber under a brushed top that grips better the warmer it gets. Four millimetres thick: enough for
      knees, little enough for balance. It smells of rubber for a week and then of nothing.`,
    sku: "MAT-ROOT",
    variants: [
      ["SLT", { colour: "slate" }, 74_00, 68],
      ["TRC", { colour: "terracotta" }, 74_00, 51],
      ["SEA", { colour: "sea green" }, 74_00, 37],
    ],
  },
  {
    name: "Rootwork Travel Mat",
    brand: "Asanelle",
    category: "yoga",
    about: `Folds like a bath towel to the size of a paperback. Lay it on the hotel carpet, or over a borrowed mat you
      would rather not touch.`,
    sku: "MAT-ROOTTR",
    variants: [
      ["SLT", { colour: "slate" }, 52_00, 43],
      ["SEA", { colour: "sea green" }, 52_00, 5],
    ],
  },
  {
    name: "Cork Yoga Block",
    brand: "Asanelle",
    category: "yoga",
    about: `Dense, warm and heavy enough to stay where it is put. The edges are rounded for wrists, and it makes a
      decent doorstop between classes.`,
    sku: "BLK-CORK",
    variants: [["", {}, 17_90, 125]],
  },
  {
    name: "Buckwheat Meditation Cushion",
    brand: "Asanelle",
    category: "yoga",
    about: `The hulls settle into your shape and hold it. Unzip the inner bag to take out a handful or two until the
      height is right, then keep the rest for the first year's shrinkage.`,
    sku: "CSH-BUCK",
    variants: [
      ["IND", { colour: "indigo" }, 46_00, 32],
      ["OAT", { colour: "oat" }, 46_00, 28],
    ],
  },
  {
    name: "Cotton Yoga Strap",
    brand: "Asanelle",
    category: "yoga",
    about: `Two and a half metres of webbing with a ring that locks when pulled and lets go when asked. Soft against the
      instep, unimpressed by sweat.`,
    sku: "STR-COTTON",
    pictures: 1,
    variants: [["", {}, 12_50, 96]],
  },
  {
    name: "Cast Kettlebell",
    brand: "Ironpetal",
    category: "yoga",
    about: `One pour of iron, a flat foot and a handle smoothed by hand until chalk sticks but skin does not. The
      coloured band tells the weights apart from across the room.`,
    sku: "KTB-CAST",
    variants: [
      ["8", { weight: "8 kg" }, 34_00, 54],
      ["12", { weight: "12 kg" }, 44_00, 49],
      ["16", { weight: "16 kg" }, 56_00, 35],
      ["20", { weight: "20 kg" }, 69_00, 22],
      ["24", { weight: "24 kg" }, 82_00, 11],
    ],
  },
  {
    name: "Larkstep Daily Trainer",
    brand: "Swiftmere",
    category: "running",
    about: `The shoe for most of your kilometres. A calm, slightly firm ride, a heel that holds without rubbing, and an
      outsole that still has its pattern after seven hundred of them. Order your usual size.`,
    sku: "SHO-LARKSTEP",
    variants: [
      ["38", { size: "38" }, 129_00, 21],
      ["40", { size: "40" }, 129_00, 34],
      ["42", { size: "42" }, 129_00, 46],
      ["43", { size: "43" }, 129_00, 39],
      ["44", { size: "44" }, 129_00, 27],
      ["46", { size: "46" }, 129_00, 8],
    ],
  },
  {
    name: "Bogtrotter Trail Shoe",
    brand: "Swiftmere",
    category: "running",
    about: `Six-millimetre lugs that bite into wet hillside and let go of the mud on the next stride. It drains in a
      dozen steps, because keeping water out was never going to work.`,
    sku: "SHO-BOGTROT",
    variants: [
      ["39", { size: "39" }, 145_00, 13],
      ["41", { size: "41" }, 145_00, 24],
      ["43", { size: "43" }, 145_00, 29],
      ["45", { size: "45" }, 145_00, 0],
    ],
  },
  {
    name: "Merino Running Shirt",
    brand: "Swiftmere",
    category: "running",
    about: `Fine merino on the inside, nylon in the yarn for strength. It can be worn three days running, in both
      senses, before anyone objects.`,
    sku: "SRT-MERINO",
    variants: [
      ["S-GRY", { size: "S", colour: "grey" }, 69_00, 26],
      ["M-GRY", { size: "M", colour: "grey" }, 69_00, 40],
      ["L-GRY", { size: "L", colour: "grey" }, 69_00, 37],
      ["S-PET", { size: "S", colour: "petrol" }, 69_00, 17],
      ["M-PET", { size: "M", colour: "petrol" }, 69_00, 31],
      ["L-PET", { size: "L", colour: "petrol" }, 69_00, 22],
    ],
  },
  {
    name: "Tailwind Running Belt",
    brand: "Swiftmere",
    category: "running",
    about: `A stretchy tube with three slots for phone, keys and two gels. It sits on the hips and does not climb, and
      the key clip is long enough to unlock the door without undressing.`,
    sku: "BLT-TAILW",
    variants: [
      ["SM", { size: "S-M" }, 24_90, 57],
      ["LXL", { size: "L-XL" }, 24_90, 48],
    ],
  },
  {
    name: "Lantern Reflective Vest",
    brand: "Swiftmere",
    category: "running",
    about: `Hardly more than straps, but visible from all sides at two hundred metres. It adjusts over a T-shirt or a
      winter jacket, and the small rear light clicks off for charging.`,
    sku: "VST-LANTERN",
    pictures: 1,
    variants: [["", {}, 32_00, 65]],
  },
  {
    name: "Metronome Skipping Rope",
    brand: "Ironpetal",
    category: "running",
    about: `Steel cable on ball bearings in handles of plain beech. Cut it to your height once; after that it turns as
      fast as you do.`,
    sku: "ROP-METRO",
    variants: [["", {}, 19_90, 103]],
  },
  {
    name: "Chough Climbing Shoe",
    brand: "Boulderkin",
    category: "climbing",
    about: `Moderately stiff, gently turned down, kind at the heel. It is made for people who climb on Tuesdays and want
      to be able to walk on Wednesdays. Resoled twice for free if you register it.`,
    sku: "SHO-CHOUGH",
    variants: [
      ["37", { size: "37" }, 109_00, 14],
      ["39", { size: "39" }, 109_00, 23],
      ["41", { size: "41" }, 109_00, 28],
      ["43", { size: "43" }, 109_00, 19],
      ["45", { size: "45" }, 109_00, 4],
    ],
  },
  {
    name: "Limestone Harness",
    brand: "Boulderkin",
    category: "climbing",
    about: `Four gear loops stiff enough to find without looking, and a waist belt that spreads the load instead of
      folding. The worn threads turn red long before they matter.`,
    sku: "HRN-LIME",
    variants: [
      ["S", { size: "S" }, 74_00, 18],
      ["M", { size: "M" }, 74_00, 26],
      ["L", { size: "L" }, 74_00, 20],
    ],
  },
  {
    name: "Seacliff Single Rope 9.6 mm",
    brand: "Boulderkin",
    category: "climbing",
    about: `Supple from the first clip and treated against water in the sheath and the core. The middle is marked with a
      change of pattern that you will recognise in the dusk.`,
    sku: "ROP-SEACLIFF",
    variants: [
      ["60", { length: "60 m" }, 179_00, 15],
      ["70", { length: "70 m" }, 204_00, 12],
    ],
  },
  {
    name: "Chalk Sock and Bag Set",
    brand: "Boulderkin",
    category: "climbing",
    about: `A stiff-rimmed bag with a brush holder and a refillable sock that keeps the dust in the bag and out of the
      gym's air filter. Two hundred grams of plain chalk come with it.`,
    sku: "BAG-CHALK",
    variants: [
      ["MUS", { colour: "mustard" }, 27_90, 53],
      ["GRA", { colour: "granite" }, 27_90, 61],
    ],
  },
  {
    name: "Overhang Training Board",
    brand: "Boulderkin",
    category: "climbing",
    about: `Hangs above a door frame and holds twelve kinds of grip, from generous jugs to an edge for optimists. Poplar
      is gentler to fingertips than resin, and the template makes mounting a one-person job.`,
    sku: "BRD-OVERHANG",
    pictures: 1,
    variants: [["", {}, 89_00, 25]],
  },
  {
    name: "Landing Bouldering Pad",
    brand: "Boulderkin",
    category: "climbing",
    about: `Three layers of foam, hinged so there is no gap to find with an ankle. It carries like a rucksack and
      reclines like a sofa, with a little carpet for clean soles.`,
    sku: "PAD-LANDING",
    variants: [["", {}, 219_00, 10]],
  },
  {
    name: "Tern Swim Goggles",
    brand: "Tidelane",
    category: "swimming",
    about: `A low profile and a nose bridge in three sizes, so they seal without leaving you looking surprised for an
      hour. The coating lasts if you never wipe it with your thumb.`,
    sku: "GOG-TERN",
    variants: [
      ["CLR", { lens: "clear" }, 24_90, 89],
      ["SMK", { lens: "smoke" }, 24_90, 77],
      ["MIR", { lens: "mirrored" }, 31_90, 52],
    ],
  },
  {
    name: "Longshore Open Water Buoy",
    brand: "Tidelane",
    category: "swimming",
    about: `Bright orange, it follows on a short leash and keeps your keys dry inside. Boats see you, friends on shore
      can count you, and it lets you rest whenever the far bank proves farther than it looked.`,
    sku: "BUO-LONGSH",
    variants: [
      ["15", { capacity: "15 l" }, 34_90, 44],
      ["28", { capacity: "28 l" }, 42_90, 30],
    ],
  },
  {
    name: "Quickdry Poncho Towel",
    brand: "Tidelane",
    category: "swimming",
    about: `A changing room with a hood. The waffle weave dries you, then itself, on the handlebar on the way home.`,
    sku: "TWL-PONCHO",
    variants: [
      ["M-SND", { size: "M", colour: "sand" }, 49_00, 27],
      ["L-SND", { size: "L", colour: "sand" }, 49_00, 23],
      ["M-NVY", { size: "M", colour: "navy" }, 49_00, 31],
      ["L-NVY", { size: "L", colour: "navy" }, 49_00, 3],
    ],
  },
  {
    name: "Keel Pull Buoy",
    brand: "Tidelane",
    category: "swimming",
    about: `Closed-cell foam shaped to stay between the thighs through a tumble turn. It also makes you honest about how
      much your legs have been helping.`,
    sku: "BUO-KEEL",
    variants: [["", {}, 16_90, 79]],
  },
  {
    name: "Silicone Swim Cap",
    brand: "Tidelane",
    category: "swimming",
    about: `Thicker at the crown so it does not creep up, matt inside so it does not pull hair. There is a long-hair cut
      with the room at the back where it is wanted.`,
    sku: "CAP-SILI",
    variants: [
      ["STD-BLK", { cut: "standard", colour: "black" }, 11_90, 144],
      ["STD-RED", { cut: "standard", colour: "red" }, 11_90, 93],
      ["LNG-BLK", { cut: "long hair", colour: "black" }, 13_90, 0],
      ["LNG-RED", { cut: "long hair", colour: "red" }, 13_90, 62],
    ],
  },
]);
