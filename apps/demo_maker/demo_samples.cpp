#include "apps/demo_maker/demo_samples.h"

#include <algorithm>
#include <memory>

#include "apps/demo_maker/demo_data_files.h"
#include "apps/demo_maker/demo_words.h"
#include "worker/benchmarks/benchmark.h"
#include "worker/tokenizer/chat_template.h"
#include "worker/tokenizer/tokenizer.h"

namespace lacuna {
namespace {

constexpr std::uint64_t kChoiceOrderSeed = 0;

// `split` names the MMLU split; the other kinds have none.
std::vector<DemoText> read_texts(const std::string& kind, const std::filesystem::path& path,
                                 const std::string& split) {
  BenchmarkConfig config;
  config.name = kind;
  config.kind = kind;
  config.path = path;
  config.split = split;
  if (kind == "gpqa") config.choice_order = "fixed";
  const std::unique_ptr<Benchmark> benchmark = load_benchmark(config, kChoiceOrderSeed);
  std::vector<DemoText> texts;
  for (std::int64_t i = 0; i < benchmark->size(); ++i) {
    const std::string& gold = benchmark->question(QuestionIndex(i)).gold;
    const std::string answer = gold == "true" ? "True" : gold == "false" ? "False" : gold;
    const auto number = std::find(kDemoKinds.begin(), kDemoKinds.end(), kind) - kDemoKinds.begin();
    texts.push_back({.user_message = benchmark->user_message(QuestionIndex(i)),
                     .answer = "[" + answer + "]",
                     .kind = static_cast<std::size_t>(number)});
  }
  return texts;
}

template <class Question>
void append_with_levels(std::vector<DemoText>& texts, std::vector<DemoText> read,
                        const std::vector<Question>& questions, std::size_t first_level,
                        std::size_t categories_per_level) {
  for (std::size_t i = 0; i < read.size(); ++i) {
    read[i].level = first_level + questions[i].category / categories_per_level;
    texts.push_back(std::move(read[i]));
  }
}

std::string render_prompt(const ChatTemplate& chat_template, const DemoText& text) {
  const nlohmann::ordered_json messages = {{{"role", "user"}, {"content", text.user_message}}};
  return chat_template.render(messages, true);
}

// The stretches between special tokens.
std::vector<std::string> cut_at_special_tokens(std::string text, const DemoFamily& family) {
  for (const auto* tokens : {&family.first_tokens, &family.last_tokens}) {
    for (const std::string& token : *tokens) {
      for (std::size_t at = text.find(token); at != std::string::npos; at = text.find(token, at)) {
        text.replace(at, token.size(), 1, '\0');  // occurs in no demo text
      }
    }
  }
  std::vector<std::string> stretches;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('\0', begin), text.size());
    if (end > begin) stretches.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return stretches;
}

}  // namespace

std::vector<DemoText> make_training_texts(std::uint64_t seed, std::size_t count, const DemoTestSet& test,
                                          const std::filesystem::path& scratch) {
  DemoRandom random(seed);
  std::vector<ChoiceQuestion> categories;
  std::vector<ChoiceQuestion> analogies;
  std::vector<PassageQuestion> passages;
  const auto add_new = [&](auto& questions, auto question) {
    if (!test.contents.contains(describe_content(question))) questions.push_back(std::move(question));
  };
  const std::vector<std::string> subjects = demo_subjects();
  while (categories.size() + analogies.size() + passages.size() < count) {
    add_new(categories, draw_category_question(random.pick(subjects), random));
    add_new(analogies, draw_analogy_question(random));
    add_new(passages, draw_passage_question(random));
  }
  write_mmlu_file(scratch / "words_train.csv", categories);
  write_gpqa_file(scratch / "train_gpqa.csv", analogies, "Train0");
  write_boolq_file(scratch / "train_boolq.jsonl", passages);
  std::vector<DemoText> texts;
  append_with_levels(texts, read_texts("mmlu", scratch / "words_train.csv", "train"), categories, 0, 1);
  append_with_levels(texts, read_texts("gpqa", scratch / "train_gpqa.csv", ""), analogies, 0, 1);
  append_with_levels(texts, read_texts("boolq", scratch / "train_boolq.jsonl", ""), passages, 0, 1);
  return texts;
}

std::vector<DemoText> read_test_texts(const std::filesystem::path& directory) {
  std::vector<DemoText> texts = read_texts("mmlu", directory / "mmlu", "test");
  for (const auto& [kind, file] : {std::pair{"gpqa", "gpqa.csv"}, std::pair{"boolq", "boolq.jsonl"}}) {
    const std::vector<DemoText> more = read_texts(kind, directory / file, "");
    texts.insert(texts.end(), more.begin(), more.end());
  }
  return texts;
}

PieceCounts count_pieces(const DemoFamily& family, const std::filesystem::path& model_dir,
                         const std::vector<DemoText>& texts) {
  const Tokenizer tokenizer = Tokenizer::load(model_dir);
  const ChatTemplate chat_template = ChatTemplate::load(model_dir);
  PieceCounts counts;
  for (const DemoText& text : texts) {
    const std::string rendered =
        render_prompt(chat_template, text) + family.answer_prefix + text.answer + family.end_token;
    for (const std::string& stretch : cut_at_special_tokens(rendered, family)) {
      for (const std::string& piece : tokenizer.split_words(stretch)) ++counts[piece];
    }
  }
  return counts;
}

std::vector<TrainingSample> make_samples(const DemoFamily& family, const std::filesystem::path& model_dir,
                                         const std::vector<DemoText>& texts) {
  const Tokenizer tokenizer = Tokenizer::load(model_dir);
  const ChatTemplate chat_template = ChatTemplate::load(model_dir);
  std::vector<TrainingSample> samples;
  for (const DemoText& text : texts) {
    TrainingSample sample;
    sample.level = text.level;
    sample.kind = text.kind;
    const auto append = [&](const std::vector<TokenId>& ids) {
      for (const TokenId id : ids) sample.ids.push_back(id.value());
    };
    append(tokenizer.encode(render_prompt(chat_template, text), true));
    sample.answer_begin = sample.ids.size();
    append(tokenizer.encode(family.answer_prefix + text.answer + family.end_token, false));
    samples.push_back(std::move(sample));
  }
  return samples;
}

}  // namespace lacuna
