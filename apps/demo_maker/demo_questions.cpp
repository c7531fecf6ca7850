#include "apps/demo_maker/demo_questions.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <algorithm>

#include "apps/demo_maker/demo_words.h"

namespace lacuna {
namespace {

constexpr std::size_t kListEntries = 2;

// Positions of `count` different categories, `first` the first of them.
std::vector<std::size_t> draw_categories(std::size_t first, std::size_t count, DemoRandom& random) {
  std::vector<std::size_t> chosen = {first};
  while (chosen.size() < count) {
    const std::size_t candidate = random.below(demo_categories().size());
    if (std::find(chosen.begin(), chosen.end(), candidate) == chosen.end()) chosen.push_back(candidate);
  }
  return chosen;
}

std::size_t draw_category_of(const std::string& subject, DemoRandom& random) {
  std::vector<std::size_t> candidates;
  for (std::size_t i = 0; i < demo_categories().size(); ++i) {
    if (demo_categories()[i].subject == subject) candidates.push_back(i);
  }
  return random.pick(candidates);
}

// Puts the choices, the right one first, into a random order.
void shuffle_choices(ChoiceQuestion& question, DemoRandom& random) {
  std::array<std::size_t, 4> order = {0, 1, 2, 3};
  random.shuffle(order);
  const std::array<std::string, 4> before = question.choices;
  for (std::size_t place = 0; place < order.size(); ++place) {
    question.choices[place] = before[order[place]];
    if (order[place] == 0) question.answer = place;
  }
}

void move_answer_to(ChoiceQuestion& question, std::size_t place) {
  std::swap(question.choices[place], question.choices[question.answer]);
  question.answer = place;
}

// Draws until the content is new and `accept` likes it, and notes the content.
template <class Question, class Draw, class Accept>
Question draw_new(std::set<std::string>& contents, const Draw& draw, const Accept& accept) {
  while (true) {
    Question question = draw();
    if (accept(question) && contents.insert(describe_content(question)).second) return question;
  }
}

}  // namespace

ChoiceQuestion draw_category_question(const std::string& subject, DemoRandom& random) {
  const auto categories = draw_categories(draw_category_of(subject, random), 4, random);
  ChoiceQuestion question;
  question.category = categories[0];
  question.subject = subject;
  question.question = fmt::format("Which of these is a {}?", demo_categories()[categories[0]].name);
  for (std::size_t i = 0; i < 4; ++i)
    question.choices[i] = random.pick(demo_categories()[categories[i]].words);
  shuffle_choices(question, random);
  return question;
}

ChoiceQuestion draw_analogy_question(DemoRandom& random) {
  const auto categories = draw_categories(random.below(demo_categories().size()), 5, random);
  const WordCategory& asked = demo_categories()[categories[0]];
  const WordCategory& given = demo_categories()[categories[4]];
  ChoiceQuestion question;
  question.category = categories[0];
  question.subject = asked.subject;
  question.question = fmt::format("{} is to {} as {} is to what?", random.pick(given.words), given.name,
                                  random.pick(asked.words));
  for (std::size_t i = 0; i < 4; ++i) question.choices[i] = demo_categories()[categories[i]].name;
  shuffle_choices(question, random);
  return question;
}

PassageQuestion draw_list_question(DemoRandom& random) {
  const auto categories = draw_categories(random.below(demo_categories().size()), kListEntries + 1, random);
  std::vector<std::string> entries;
  for (std::size_t i = 0; i < kListEntries; ++i)
    entries.push_back(random.pick(demo_categories()[categories[i]].words));
  PassageQuestion question;
  question.answer = random.below(2) == 1;
  // The first category is on the list, the last one is not.
  question.category = question.answer ? categories[0] : categories[kListEntries];
  const WordCategory& asked = demo_categories()[question.category];
  const bool ask_for_word = random.below(2) == 1;
  if (ask_for_word) {
    question.question =
        fmt::format("is {} on the list", question.answer ? entries[0] : random.pick(asked.words));
  } else {
    question.question = fmt::format("is a {} on the list", asked.name);
  }
  random.shuffle(entries);
  const std::string& name = random.pick(demo_names());
  question.title = fmt::format("List of {}", name);
  question.passage = fmt::format("{} has a list: {}.", name, fmt::join(entries, ", "));
  return question;
}

std::string describe_content(const ChoiceQuestion& question) {
  std::array<std::string, 4> choices = question.choices;
  std::sort(choices.begin(), choices.end());
  return fmt::format("{}|{}", question.question, fmt::join(choices, ","));
}

std::string describe_content(const PassageQuestion& question) {
  // "Tom has a list: a, b, c.": who has it does not count either.
  const std::size_t begin = question.passage.find(": ") + 2;
  std::string list = question.passage.substr(begin, question.passage.size() - begin - 1);
  std::vector<std::string> entries;
  for (std::size_t comma = list.find(", "); comma != std::string::npos; comma = list.find(", ")) {
    entries.push_back(list.substr(0, comma));
    list.erase(0, comma + 2);
  }
  entries.push_back(list);
  std::sort(entries.begin(), entries.end());
  return fmt::format("{}|{}", question.question, fmt::join(entries, ","));
}

DemoTestSet draw_test_set(std::uint64_t seed, const DemoTestSize& size) {
  DemoRandom random(seed);
  DemoTestSet set;
  const auto any = [](const auto&) { return true; };
  for (const std::string& subject : demo_subjects()) {
    const auto draw = [&] { return draw_category_question(subject, random); };
    for (std::size_t i = 0; i < size.category_dev_per_subject; ++i) {
      set.category_dev.push_back(draw_new<ChoiceQuestion>(set.contents, draw, any));
      move_answer_to(set.category_dev.back(), i % 4);
    }
    for (std::size_t i = 0; i < size.category_test_per_subject; ++i) {
      set.category_test.push_back(draw_new<ChoiceQuestion>(set.contents, draw, any));
      move_answer_to(set.category_test.back(), i % 4);
    }
  }
  for (std::size_t i = 0; i < size.analogies; ++i) {
    set.analogies.push_back(draw_new<ChoiceQuestion>(
        set.contents, [&] { return draw_analogy_question(random); }, any));
  }
  for (std::size_t i = 0; i < size.lists; ++i) {
    set.lists.push_back(draw_new<PassageQuestion>(
        set.contents, [&] { return draw_list_question(random); },
        [i](const PassageQuestion& question) { return question.answer == (i % 2 == 0); }));
  }
  return set;
}

}  // namespace lacuna
