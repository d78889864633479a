import { shelf } from "./demo-product.ts";

export const kids = shelf([
  {
    name: "Harbour Building Blocks",
    brand: "Pippinwood",
    category: "wooden-toys",
    about: `Maple and beech blocks cut to the same measure, so three small ones always equal a long one. Arches,
      half-rounds and one crane hook turn a heap into a harbour. Finished with beeswax that may be chewed.`,
    sku: "BLK-HARBOUR",
    variants: [
      ["40", { pieces: "40" }, 49_00, 52],
      ["80", { pieces: "80" }, 89_00, 33],
    ],
  },
  {
    name: "Marble Mill Ball Run",
    brand: "Pippinwood",
    category: "wooden-toys",
    about: `Grooved blocks that are rebuilt in a new order every afternoon. The water wheel in the middle slows the
      marbles down and speeds the children up. Twelve glass marbles and two spares included.`,
    sku: "RUN-MARBLE",
    variants: [["", {}, 94_00, 26]],
  },
  {
    name: "Little Ferry Pull-Along",
    brand: "Pippinwood",
    category: "wooden-toys",
    about: `It rocks as if on waves because its wheels are drilled slightly off-centre. Four passengers can be lifted
      out, lost and found beneath the sofa.`,
    sku: "PUL-FERRY",
    variants: [
      ["RED", { colour: "red" }, 32_90, 44],
      ["BLU", { colour: "blue" }, 32_90, 39],
    ],
  },
  {
    name: "Tumble Tower Stacking Hares",
    brand: "Tumblehare",
    category: "wooden-toys",
    about: `Nine hares that balance on each other's ears, shoulders and, with practice, noses. Good for small hands and
      for grown-ups on the telephone.`,
    sku: "STK-HARES",
    variants: [["", {}, 27_50, 71]],
  },
  {
    name: "Grocer's Wooden Scales",
    brand: "Pippinwood",
    category: "wooden-toys",
    about: `Real brass pans, six weights and a beam that swings. It weighs chestnuts and gossip, and teaches fractions
      to anyone who stays long enough.`,
    sku: "SCL-GROCER",
    pictures: 1,
    variants: [["", {}, 42_00, 30]],
  },
  {
    name: "Starter Train Set",
    brand: "Tumblehare",
    category: "wooden-toys",
    about: `Twenty-two tracks, a bridge and a goods train with magnets that hold round curves. Compatible with the
      wooden railway that is already in your attic.`,
    sku: "TRN-STARTER",
    variants: [["", {}, 59_00, 48]],
  },
  {
    name: "Balance Bike Fawn",
    brand: "Tumblehare",
    category: "wooden-toys",
    about: `Birch plywood, air tyres and a saddle that grows with its rider from two to five. It steers gently to the
      side before it can jack-knife, which spares both knees and nerves.`,
    sku: "BIK-FAWN",
    variants: [
      ["NAT", { colour: "natural" }, 109_00, 17],
      ["MNT", { colour: "mint" }, 114_00, 4],
    ],
  },
  {
    name: "Floor Puzzle Night Market",
    brand: "Moonpocket",
    category: "puzzles-games",
    about: `Forty-eight thick pieces show a market by lantern light, with a cat hidden at every stall. The cats are
      counted on the back of the box. We disagree about the number.`,
    sku: "PUZ-NIGHT",
    variants: [["", {}, 22_90, 86]],
  },
  {
    name: "Jigsaw The Botanist's Desk",
    brand: "Moonpocket",
    category: "puzzles-games",
    about: `An illustrator spent four months drawing this desk with its beetles, labels and half-eaten biscuit. The
      pieces are linen-finished and fit with a soft click.`,
    sku: "PUZ-BOTANIST",
    variants: [
      ["500", { pieces: "500" }, 19_90, 64],
      ["1000", { pieces: "1000" }, 24_90, 78],
    ],
  },
  {
    name: "Snail Race Board Game",
    brand: "Moonpocket",
    category: "puzzles-games",
    about: `The last snail wins. Two to five players try to be slow without standing still, which is harder than it
      sounds and loud from the second round. For ages five and over, twenty minutes.`,
    sku: "GAM-SNAIL",
    variants: [["", {}, 26_90, 92]],
  },
  {
    name: "Lighthouse Keepers Cooperative Game",
    brand: "Moonpocket",
    category: "puzzles-games",
    about: `Everyone plays against the fog: share the oil, pass the messages and bring nine boats home before the dial
      runs out. Losing together is half the fun; the harder maps make sure of it.`,
    sku: "GAM-LIGHTH",
    variants: [["", {}, 34_90, 55]],
  },
  {
    name: "Memory of Small Animals",
    brand: "Brightacorn",
    category: "puzzles-games",
    about: `Thirty-two pairs in thick board, each painted with an animal you could hold in one hand. Grown-ups will
      confuse the vole and the shrew. Children never do.`,
    sku: "GAM-MEMORY",
    variants: [["", {}, 16_90, 109]],
  },
  {
    name: "Shadow Theatre Suitcase",
    brand: "Brightacorn",
    category: "puzzles-games",
    about: `Opens into a stage with a paper screen, a warm lamp and eighteen figures on sticks. Three plays are
      included, and blank card for the story they would rather tell.`,
    sku: "THT-SHADOW",
    pictures: 1,
    variants: [["", {}, 47_00, 23]],
  },
  {
    name: "Beeswax Crayons",
    brand: "Kleckerle",
    category: "craft-paint",
    about: `Chunky crayons that do not roll off the table and do not snap when enthusiasm presses. They layer, they
      scratch, and they smell faintly of honey.`,
    sku: "CRA-BEES",
    variants: [
      ["8", { pieces: "8" }, 11_90, 131],
      ["16", { pieces: "16" }, 19_90, 95],
    ],
  },
  {
    name: "First Watercolour Box",
    brand: "Kleckerle",
    category: "craft-paint",
    about: `Twelve strong colours in pans that can be replaced one by one, since blue always goes first. The lid has
      three wells and a notch where the brush can rest.`,
    sku: "PNT-FIRST",
    variants: [["", {}, 18_90, 84]],
  },
  {
    name: "Finger Paints",
    brand: "Kleckerle",
    category: "craft-paint",
    about: `Thick, washable and coloured with what also colours food. Four jars with lids that small hands cannot open
      but yours can.`,
    sku: "PNT-FINGER",
    pictures: 1,
    variants: [["", {}, 15_90, 76]],
  },
  {
    name: "Weaving Loom for Beginners",
    brand: "Kleckerle",
    category: "craft-paint",
    about: `A beech frame with notched ends that is warped in two minutes. Wool in five colours, a wooden needle and a
      comb are included, enough for one scarf for a doll or one coaster for a grandmother.`,
    sku: "LOM-BEGIN",
    variants: [["", {}, 29_90, 42]],
  },
  {
    name: "Potter's Air-Dry Clay",
    brand: "Kleckerle",
    category: "craft-paint",
    about: `Fine white clay that dries hard on the windowsill over two nights. It takes paint well and cracks rarely; a
      damp thumb heals most of it.`,
    sku: "CLY-AIRDRY",
    variants: [
      ["05", { weight: "500 g" }, 6_90, 147],
      ["2", { weight: "2 kg" }, 18_90, 68],
    ],
  },
  {
    name: "Paper Lantern Kit",
    brand: "Brightacorn",
    category: "craft-paint",
    about: `Translucent paper, wire rings, a stick and a warm battery light: everything for the November procession. The
      song is printed on a card for adults who only know the first verse.`,
    sku: "KIT-LANTERN",
    variants: [
      ["MON", { shape: "moon" }, 13_90, 61],
      ["HED", { shape: "hedgehog" }, 13_90, 0],
      ["BOA", { shape: "boat" }, 13_90, 37],
    ],
  },
  {
    name: "Moonpocket Night Light",
    brand: "Moonpocket",
    category: "kids-room",
    about: `A soft silicone moon that glows amber and fades out over half an hour. Tap it in the dark and it returns
      without a fuss. It charges on a saucer and goes a week between charges.`,
    sku: "NLT-MOON",
    variants: [["", {}, 34_90, 67]],
  },
  {
    name: "Hideout Play Tent",
    brand: "Tumblehare",
    category: "kids-room",
    about: `Four ash poles and a cotton cover with one window for looking out and one for cinema tickets. Stands without
      pegs, folds behind a door, and can be washed when it has been a castle.`,
    sku: "TNT-HIDEOUT",
    variants: [
      ["ECR", { colour: "ecru" }, 84_00, 21],
      ["FOR", { colour: "forest" }, 84_00, 16],
    ],
  },
  {
    name: "Growing Step Stool",
    brand: "Pippinwood",
    category: "kids-room",
    about: `Two steps, a handle, and a width that prevents tipping when someone leans towards the basin. Carve the
      birthdays into its underside; everyone else does.`,
    sku: "STL-GROW",
    variants: [["", {}, 46_00, 34]],
  },
  {
    name: "Patchwork Wool Blanket",
    brand: "Brightacorn",
    category: "kids-room",
    about: `Knitted from leftover lambswool, so the order of the colours is never the same twice. Warm enough for a pram
      in January and small enough to be dragged about for years.`,
    sku: "BLN-PATCH",
    variants: [
      ["PRM", { size: "pram" }, 48_00, 29],
      ["COT", { size: "cot" }, 69_00, 18],
    ],
  },
]);
