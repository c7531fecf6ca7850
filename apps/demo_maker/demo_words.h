// What the demo models know: which word belongs to which category. All of it is ours and made up for the
// demo.
#pragma once

#include <string>
#include <vector>

namespace lacuna {

struct WordCategory {
  std::string subject;  // the MMLU-style file that asks about it
  std::string name;     // a noun that takes "a"
  std::vector<std::string> words;
};

// Every category, the categories of a subject next to each other. No word occurs twice, and no word is a
// category's name.
const std::vector<WordCategory>& demo_categories();

// The subjects in the order of demo_categories, each once.
std::vector<std::string> demo_subjects();

// First names for passages.
const std::vector<std::string>& demo_names();

}  // namespace lacuna
