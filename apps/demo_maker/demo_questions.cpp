#include "apps/demo_maker/demo_questions.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <algorithm>

#include "apps/demo_maker/demo_words.h"

namespace lacuna {
namespace {

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

// A word of each of the first four categories, in a random order; that of the first is the right one.
void pick_choices(ChoiceQuestion& question, const std::vector<std::size_t>& categories, DemoRandom& random) {
  std::array<std::size_t, 4> order = {0, 1, 2, 3};
  random.shuffle(order);
  for (std::size_t place = 0; place < order.size(); ++place) {
    question.choices[place] = random.pick(demo_categories()[categories[order[place]]].words);
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
  pick_choices(question, categories, random);
  return question;
}

ChoiceQuestion draw_analogy_question(DemoRandom& random) {
  const auto categories = draw_categories(random.below(demo_categories().size()), 5, random);
  const WordCategory& asked = demo_categories()[categories[0]];
  const WordCategory& given = demo_categories()[categories[4]];
  ChoiceQuestion question;
  question.category = categories[0];
  question.subject = asked.subject;
  question.question =
      fmt::format("{} is to {} as what is to {}?", random.pick(given.words), given.name, asked.name);
  pick_choices(question, categories, random);
  return question;
}

PassageQuestion draw_passage_question(DemoRandom& random) {
  PassageQuestion question;
  question.category = random.below(demo_categories().size());
  const std::string& thing = random.pick(demo_categories()[question.category].words);
  const std::string& name = random.pick(demo_names());
  question.answer = random.below(2) == 1;
  question.title = fmt::format("Tastes of {}", name);
  question.passage = fmt::format("{} {} {}.", name, question.answer ? "likes" : "hates", thing);
  question.question = fmt::format("does {} like {}", name, thing);
  return question;
}

std::string describe_content(const ChoiceQuestion& question) {
  std::array<std::string, 4> choices = question.choices;
  std::sort(choices.begin(), choices.end());
  return fmt::format("{}|{}", question.question, fmt::join(choices, ","));
}

std::string describe_content(const PassageQuestion& question) {
  return question.passage + question.question;
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
  for (std::size_t i = 0; i < size.passages; ++i) {
    set.passages.push_back(draw_new<PassageQuestion>(
        set.contents, [&] { return draw_passage_question(random); },
        [i](const PassageQuestion& question) { return question.answer == (i % 2 == 0); }));
  }
  return set;
}

}  // namespace lacuna
