// The demo's questions: category knowledge asked in the three shapes of MMLU, GPQA and BoolQ.
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "apps/demo_maker/demo_random.h"

namespace lacuna {

// One right answer among four, as in MMLU and GPQA.
struct ChoiceQuestion {
  std::string subject = {};
  std::string question = {};
  std::array<std::string, 4> choices = {};
  std::size_t answer = 0;    // index of the right choice
  std::size_t category = 0;  // index in demo_categories() of what is asked about
};

// A passage and a statement in question form about it, as in BoolQ.
struct PassageQuestion {
  std::string title = {};
  std::string passage = {};
  std::string question = {};
  bool answer = false;
  std::size_t category = 0;  // index in demo_categories() of what is asked about
};

// "Which of these is a fruit?" with four words, each of another category.
ChoiceQuestion draw_category_question(const std::string& subject, DemoRandom& random);

// "crow is to bird as what is to fruit?" with four words of categories other than the given one.
ChoiceQuestion draw_analogy_question(DemoRandom& random);

// "Tom likes plum.": "does Tom like plum", true; with "hates", false.
PassageQuestion draw_passage_question(DemoRandom& random);

// What makes two questions the same test: the order of choices does not count; in a passage every word does.
std::string describe_content(const ChoiceQuestion& question);
std::string describe_content(const PassageQuestion& question);

// The questions that are written to files. No training question has the content of one of these.
struct DemoTestSet {
  std::vector<ChoiceQuestion> category_dev;   // five a subject
  std::vector<ChoiceQuestion> category_test;  // subject after subject
  std::vector<ChoiceQuestion> analogies;
  std::vector<PassageQuestion> passages;
  std::set<std::string> contents;  // describe_content of all of them
};

struct DemoTestSize {
  std::size_t category_dev_per_subject = 5;
  std::size_t category_test_per_subject = 16;
  std::size_t analogies = 48;
  std::size_t passages = 48;
};

// Draws a test set without repeated content; right answers are spread evenly over the four places, and over
// yes and no.
DemoTestSet draw_test_set(std::uint64_t seed, const DemoTestSize& size);

}  // namespace lacuna
