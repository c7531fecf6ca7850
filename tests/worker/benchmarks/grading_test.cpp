#include "worker/benchmarks/grading/grader.h"

#include <gtest/gtest.h>

#include <ctime>

#include "tests/worker/benchmarks/reader_errors.h"

namespace lacuna {
namespace {

const std::vector<std::string> kCities = {"Paris", "Lyon", "Marseille", "Lille"};

std::string strict(std::string_view response) {
  return extract_choice(AnswerKind::kMultipleChoice, GradingRule::kStrict, response, kCities);
}

std::string lenient(std::string_view response, const std::vector<std::string>& choices = {}) {
  return extract_choice(AnswerKind::kMultipleChoice, GradingRule::kLenient, response, choices);
}

std::string strict_boolean(std::string_view response) {
  return extract_choice(AnswerKind::kBoolean, GradingRule::kStrict, response);
}

std::string lenient_boolean(std::string_view response) {
  return extract_choice(AnswerKind::kBoolean, GradingRule::kLenient, response);
}

struct Case {
  const char* response;
  const char* strict;
  const char* lenient;
};

TEST(GradingRule, NamesRoundTrip) {
  EXPECT_EQ(parse_grading_rule("strict"), GradingRule::kStrict);
  EXPECT_EQ(parse_grading_rule(to_string(GradingRule::kLenient)), GradingRule::kLenient);
  EXPECT_NE(testing::input_error_of([] { parse_grading_rule("Strict"); }).find("strict, lenient"),
            std::string::npos);
}

TEST(MultipleChoice, AnswerAtTheStart) {
  for (const Case& c : std::vector<Case>{
           {"B", "B", "B"},
           {"[B", "B", "B"},
           {"**B** because", "B", "B"},
           {"$C$", "C", "C"},
           {"`D`", "D", "D"},
           {"\"A\"", "A", "A"},
           {"\xE2\x80\x9C"
            "A\xE2\x80\x9D",
            "A", "A"},
           {"B \n\nbecause", "B", "B"},
           {"B, since it floats", "B", "B"},
           {"\xC2\xA0[ A ]", "A", "A"},
           {"Option B", "B", "B"},
           {"**Option: C**", "C", "C"},
           {"Option A is it", "A", "A"},
           {"C. A decrease in pressure", "C", "C"},   // an article, no list
           {"B. C. elegans", "B", "B"},               // a name, no list
           {"D. A and B", "D", "D"},                  // the text of the choice
           {"A. Wrong, Wrong", "A", "A"},             // the text of the choice, no rejection
           {"B. is not soluble", "B", "B"},           // likewise
           {"[B]\n[B]", "B", "B"},                    // the same answer again
           {"B\n\nA. This is too small.", "B", "B"},  // answer, then a walk through the options
           {"C</s>D", "C", "C"},
           {"A<|eot_id|> or B", "A", "A"},
           {"A B", "", ""},
           {"B is right", "", "B"},
           {"C \xE2\x80\x94 it sinks", "", "C"},
           {"A as it floats", "", "A"},
           {"(d) it floats", "", "D"},
           {"c: it floats", "", "C"},
       }) {
    EXPECT_EQ(strict(c.response), c.strict) << c.response;
    EXPECT_EQ(lenient(c.response), c.lenient) << c.response;
  }
}

TEST(MultipleChoice, NoAnswerAtTheStart) {
  for (const char* const response : {"",
                                     " \n",
                                     "</s>B",
                                     "E",
                                     "AB",
                                     "A1",
                                     "Bé",
                                     "Carbon",
                                     "D's",
                                     "D.C. is a city",
                                     "C-14 decays",
                                     "B-cells",
                                     "Options",
                                     "OptionB",
                                     "Option E",
                                     "Option Beta",
                                     "A student",
                                     "As an AI",
                                     "A issue",
                                     "a",
                                     "\xFF"
                                     "B\xFF"}) {
    EXPECT_EQ(strict(response), "") << response;
    if (std::string_view(response) != "a") {
      EXPECT_EQ(lenient(response), "") << response;
    }
  }
  EXPECT_EQ(lenient("a"), "A");
}

TEST(MultipleChoice, ListsAndRejectedLettersAreNoAnswer) {
  for (const char* const response : {"A or B",
                                     "A, B",
                                     "[A], [C]",
                                     "[A] [C]",
                                     "A/B",
                                     "A & B",
                                     "A and C are right",
                                     "A.\nB.",
                                     "A\nB\nC\nD",
                                     "A. B. C. D.",
                                     "A) B) C)",
                                     "A; D",
                                     "A-D",
                                     "**A** or **B**",
                                     "Option A or Option B",
                                     "A, B, or C",
                                     "A or b",
                                     "(B) is wrong",
                                     "B is incorrect",
                                     "Option B is not right",
                                     "[A] is clearly wrong",
                                     "(C) cannot be right",
                                     "(C) isn't it",
                                     "Option D can be ruled out",
                                     "A. This is wrong",
                                     "a, b",
                                     "a or b",
                                     "b is wrong",
                                     "c) is not it",
                                     "The answers are A and C",
                                     "Answer: A or B",
                                     "answer is (A) is wrong",
                                     "\\boxed{A, C}"}) {
    EXPECT_EQ(strict(response), "") << response;
    EXPECT_EQ(lenient(response), "") << response;
  }
  EXPECT_EQ(strict("Option B is not wrong"), "B");
  EXPECT_EQ(strict("(B) is not only right but obvious"), "B");
}

TEST(MultipleChoice, LastPhraseCounts) {
  for (const auto& [response, choice] : std::vector<std::pair<const char*, const char*>>{
           {"The answer is A. No, the answer is B", "B"},
           {"The answer is B. The answer is not A.", "B"},
           {"answer = C", "C"},
           {"Answer:\n\n  C", "C"},
           {"**Answer:** D", "D"},
           {"**Answer**: D", "D"},
           {"{\"answer\": \"B\"}", "B"},
           {"the choice would  be: (C)", "C"},
           {"The right option should be B", "B"},
           {"The answer is option B.", "B"},
           {"My answer is B rather than C", "B"},
           {"The answer is B (C is wrong)", "B"},
           {"answer: b)", "B"},
           {"The answer is b.", "B"},
           {"the answer is *b*", "B"},
           {"ANSWER: D", "D"},
           {"The answer is \xEF\xBC\xA3", "C"},  // full-width C
           {"The answer is A or B. I choose: the answer is C", "C"},
           {"The answer is C. The answer is A or B", "C"},
           {"Answer: B\n\nA. too small\nB. right", "B"},
           {"option: b]", "B"},
           {"The answer is \\(B\\).", "B"},
           {"The answer is $\\text{B}$.", "B"},
           {"Option]: B", "B"},
       }) {
    EXPECT_EQ(lenient(response), choice) << response;
    EXPECT_EQ(strict(response), "") << response;
  }
}

TEST(MultipleChoice, PhrasesWithoutALetter) {
  for (const char* const response :
       {"The answer is a matter of debate", "The answer is Carbon", "The answer isA", "answer: d, I think",
        "answerable: B", "The answer is not A", "The answer island B", "Options:\n    A. x\nB. y",
        "Option:\nB", "my choice: \n C", "The answer is C-14", "Answer is D's turn",
        "The answer to that is: none", "The answer is B12"}) {
    EXPECT_EQ(lenient(response), "") << response;
  }
}

TEST(MultipleChoice, Boxes) {
  EXPECT_EQ(lenient("\\boxed{A} then \\boxed{ B }"), "B");
  EXPECT_EQ(lenient("\\boxed{A} then \\boxed{42}"), "A");
  EXPECT_EQ(lenient("\\boxed{\\textbf{(C) } 42}"), "C");
  EXPECT_EQ(lenient("\\boxed{\\mathrm{D}}. The answer is A"), "D");
  EXPECT_EQ(lenient("\\boxed {\\text{B. Lyon}}"), "B");
  EXPECT_EQ(lenient("\\boxed{c}"), "C");
  for (const char* const response : {"\\boxed{A+B}", "\\boxed{D", "\\boxed{C_2}", "\\boxed{a + 1}",
                                     "\\boxed{BC}", "\\boxed", "\\boxed{}", "\\boxed{\\frac{A}{2}}"}) {
    EXPECT_EQ(lenient(response), "") << response;
  }
}

TEST(MultipleChoice, OneMarkedCapital) {
  EXPECT_EQ(lenient("I would go for (C) here, yes (C)"), "C");
  EXPECT_EQ(lenient("Output format:\n    [B]"), "B");
  EXPECT_EQ(lenient("It is [A], not [B]"), "A");
  EXPECT_EQ(lenient("(A), (B) and (D) are wrong, so (C)"), "C");
  EXPECT_EQ(lenient("We rule out (A) and keep **B**"), "B");
  EXPECT_EQ(lenient("Either (A) or (B)"), "");
  EXPECT_EQ(lenient("not (A)"), "");
  EXPECT_EQ(lenient("see (a) and (E)"), "");
}

TEST(MultipleChoice, ChoiceTextAsAWhole) {
  EXPECT_EQ(lenient("I say MARSEILLE!", kCities), "C");
  EXPECT_EQ(lenient("Paris or Lyon", kCities), "");
  EXPECT_EQ(lenient("Parisian", kCities), "");
  EXPECT_EQ(lenient("It is not Paris", kCities), "");
  EXPECT_EQ(lenient("It is not Paris. Paris it is, though", kCities), "A");
  const std::vector<std::string> numbers = {"3", "0.3", "30", "-3"};
  EXPECT_EQ(lenient("it is 3.", numbers), "A");
  EXPECT_EQ(lenient("it is 0.3", numbers), "B");
  EXPECT_EQ(lenient("it is -3", numbers), "D");
  EXPECT_EQ(lenient("it is 30", numbers), "C");
  EXPECT_EQ(lenient("it is 13 or 1/3 or 3,000", numbers), "");
  EXPECT_EQ(lenient("ÉTÉ", {"", "  été\n", "x", "y"}), "B");
  EXPECT_EQ(lenient("same", {"same", "same", "x", "y"}), "");
  EXPECT_EQ(lenient("does not rise", {"rise", "does not rise", "x", "y"}), "");
  EXPECT_EQ(strict("Marseille"), "");
}

TEST(Boolean, Strict) {
  for (const char* const response :
       {"True", "[true]", "TRUE.", " **True**, as", "\"True\"", "true\n\nfalse"}) {
    EXPECT_EQ(strict_boolean(response), "true") << response;
  }
  for (const char* const response :
       {"Truely", "True/False", "True / False", "True or False", "[True] or [False]", "Yes", "It is true",
        "Trueé", "</s>True", "", "(True)/(False)"}) {
    EXPECT_EQ(strict_boolean(response), "") << response;
  }
  EXPECT_EQ(strict_boolean("False<|im_end|>True"), "false");
  EXPECT_EQ(strict_boolean("True, orange"), "true");
}

TEST(Boolean, Lenient) {
  for (const auto& [response, value] : std::vector<std::pair<const char*, const char*>>{
           {"[True/False]\n[False]", "false"},
           {"true or FALSE: it is true", "true"},
           {"The answer is yes", "true"},
           {"Answer: No.", "false"},
           {"answer = **False**", "false"},
           {"The answer is true. The answer is not true. The answer is false", "false"},
           {"The answer is nothing, but true", "true"},
           {"Yes, they do", "true"},
           {"no", "false"},
           {"Nobody knows", ""},
           {"No-one knows", ""},
           {"Yes or no", ""},
           {"This isn't true", "false"},
           {"This is not necessarily true", "false"},
           {"It cannot be true", "false"},
           {"not false", "true"},
           {"neither true nor false", ""},
           {"It is untrue", ""},
           {"True/False", ""},
           {"The answer is True/False", ""},
           {"true and false", "true"},  // strict: not followed by a slash or "or"
           {"is true and is false", ""},
       }) {
    EXPECT_EQ(lenient_boolean(response), value) << response;
  }
}

// A rule that looked back or ahead without bound would take minutes on these.
TEST(Grading, TakesLinearTime) {
  const std::clock_t start = std::clock();  // of this process: the machine may be busy
  const auto repeat = [](std::string_view piece) {
    std::string text;
    while (text.size() < 200'000) text += piece;
    return text;
  };
  const std::string long_choice(5'000, 'a');
  for (const char* const piece : {"a",
                                  " ",
                                  "[",
                                  "(A) ",
                                  "A, ",
                                  "answer ",
                                  "answer is A ",
                                  "option: A ",
                                  "answer: A or ",
                                  "\\boxed{",
                                  "\\boxed{A}",
                                  "\\text{",
                                  "true ",
                                  "not ",
                                  "True/False ",
                                  "true or ",
                                  "true   /",
                                  "</s",
                                  "<|",
                                  "**",
                                  "(A",
                                  "\xFF",
                                  "'",
                                  "A'",
                                  "is not "}) {
    const std::string text = repeat(piece);
    for (const AnswerKind kind : {AnswerKind::kMultipleChoice, AnswerKind::kBoolean}) {
      for (const GradingRule rule : {GradingRule::kStrict, GradingRule::kLenient}) {
        extract_choice(kind, rule, text, {long_choice + "b", "x", long_choice, "A, A"});
        extract_choice(kind, rule, "The answer is " + text + " A", {});
      }
    }
  }
  EXPECT_LT(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC, 60.0);
}

}  // namespace
}  // namespace lacuna
