import type { CategoryNode } from "@molecart/mixins/contracts/products.ts";

const category = (slug: string, name: string, children: CategoryNode[] = []): CategoryNode => ({ slug, name, children });

export const demoCategories: CategoryNode[] = [
  category("coffee-kitchen", "Coffee & Kitchen", [
    category("kettles-brewers", "Kettles & Brewers"),
    category("grinders", "Grinders & Mills"),
    category("cookware", "Cookware"),
    category("knives-boards", "Knives & Boards"),
  ]),
  category("audio", "Audio", [
    category("headphones", "Headphones"),
    category("speakers", "Speakers & Radios"),
    category("turntables-hifi", "Turntables & Hi-Fi"),
  ]),
  category("outdoor", "Outdoor", [
    category("tents", "Tents & Tarps"),
    category("sleeping", "Sleeping Bags & Mats"),
    category("packs", "Backpacks & Bags"),
    category("camp-kitchen", "Camp Kitchen"),
  ]),
  category("home-office", "Home Office", [
    category("desks", "Desks"),
    category("chairs", "Chairs"),
    category("desk-accessories", "Desk Accessories"),
  ]),
  category("bicycles", "Bicycles", [
    category("bikes", "Bikes & Trailers"),
    category("bike-lights-locks", "Lights & Locks"),
    category("bike-bags", "Bags & Baskets"),
    category("bike-tools", "Tools & Care"),
  ]),
  category("books-stationery", "Books & Stationery", [
    category("notebooks", "Notebooks & Planners"),
    category("pens", "Pens & Ink"),
    category("books", "Books"),
    category("letters-cards", "Letters & Cards"),
  ]),
  category("garden", "Garden", [
    category("hand-tools", "Hand Tools"),
    category("watering", "Watering"),
    category("planters", "Pots & Planters"),
    category("seeds-soil", "Seeds & Soil"),
  ]),
  category("kids", "Kids", [
    category("wooden-toys", "Wooden Toys"),
    category("puzzles-games", "Puzzles & Games"),
    category("craft-paint", "Craft & Paint"),
    category("kids-room", "Kids' Room"),
  ]),
  category("lighting", "Lighting", [
    category("pendants", "Pendants & Ceiling Lights"),
    category("table-lamps", "Table Lamps"),
    category("floor-lamps", "Floor Lamps"),
    category("bulbs-switches", "Bulbs & Switches"),
  ]),
  category("sports", "Sports", [
    category("yoga", "Yoga & Strength"),
    category("running", "Running"),
    category("climbing", "Climbing"),
    category("swimming", "Swimming"),
  ]),
];
