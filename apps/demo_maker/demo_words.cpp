#include "apps/demo_maker/demo_words.h"

namespace lacuna {

const std::vector<WordCategory>& demo_categories() {
  static const std::vector<WordCategory> categories = {
      {"nature", "bird", {"crow", "duck", "hawk", "swan", "dove", "gull", "owl", "wren"}},
      {"nature", "tree", {"oak", "elm", "pine", "birch", "cedar", "maple", "fir", "willow"}},
      {"kitchen", "fruit", {"plum", "pear", "peach", "mango", "lemon", "grape", "fig", "melon"}},
      {"kitchen", "drink", {"tea", "milk", "juice", "wine", "beer", "water", "cocoa", "cider"}},
      {"village", "tool", {"saw", "drill", "axe", "rake", "spade", "hammer", "file", "pliers"}},
      {"village", "garment", {"coat", "shirt", "scarf", "glove", "hat", "sock", "skirt", "boot"}},
      {"matter", "metal", {"iron", "gold", "tin", "zinc", "lead", "copper", "silver", "nickel"}},
      {"matter", "colour", {"red", "blue", "green", "pink", "grey", "brown", "white", "black"}},
  };
  return categories;
}

std::vector<std::string> demo_subjects() {
  std::vector<std::string> subjects;
  for (const WordCategory& category : demo_categories()) {
    if (subjects.empty() || subjects.back() != category.subject) subjects.push_back(category.subject);
  }
  return subjects;
}

const std::vector<std::string>& demo_names() {
  static const std::vector<std::string> names = {"Tom", "Mia", "Ben", "Ada", "Leo", "Eva", "Max", "Ida"};
  return names;
}

}  // namespace lacuna
