#include "results/author_json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "results/hdf5_file.h"
#include "results/part_writer.h"
#include "tests/reference_files.h"
#include "tests/results/synthetic_run.h"

namespace lacuna {
namespace {

using nlohmann::ordered_json;
using testing::SyntheticRun;
using testing::TemporaryFolder;

constexpr const char* kSample = "reference/golden/tiny-llama.author_sample.json";
constexpr const char* kGolden = "reference/golden/tiny-llama.h5";
constexpr std::int64_t kAlpha = 4;  // 0.5 in the golden file's list

// Rows [tokens] of decisions and norms of the golden file's prompt p017, mode exit, alpha 0.5.
TraceRows golden_rows(const Hdf5File& file, const std::string& active, std::int64_t active_row,
                      const std::vector<float>& embedding_norms, const std::vector<float>& layer_norms) {
  const std::vector<std::int64_t> shape = file.shape(active);  // alpha, token, layer
  TraceRows rows = TraceRows::zeros(shape[1], 1, shape[2]);
  const auto decisions = file.open_dataset(active).read_rows<std::uint8_t>(active_row, 1);
  for (std::int64_t token = 0; token < rows.tokens; ++token) {
    const auto first_norm = static_cast<std::size_t>(token * (rows.layers + 1));
    rows.norms[first_norm] = embedding_norms[static_cast<std::size_t>(token)];
    for (std::int64_t layer = 0; layer < rows.layers; ++layer) {
      const auto at = static_cast<std::size_t>(token * rows.layers + layer);
      if (decisions[at] != 0) rows.set_active(token, 0, layer);
      rows.norms[first_norm + static_cast<std::size_t>(layer) + 1] = layer_norms[at];
    }
  }
  return rows;
}

// Equal structure and integers, floats within float32 rounding.
void expect_close(const ordered_json& a, const ordered_json& b, const std::string& path) {
  ASSERT_EQ(a.type_name(), std::string(b.type_name())) << path;
  if (a.is_array()) {
    ASSERT_EQ(a.size(), b.size()) << path;
    for (std::size_t i = 0; i < a.size(); ++i) expect_close(a[i], b[i], path + "/" + std::to_string(i));
  } else if (a.is_number_float()) {
    EXPECT_NEAR(a.get<double>(), b.get<double>(), 1e-4) << path;
  } else {
    EXPECT_EQ(a, b) << path;
  }
}

TEST(AuthorJson, EqualsTheGoldenSample) {
  LACUNA_NEEDS_REFERENCE(kSample);
  const Hdf5File golden = Hdf5File::open(testing::reference_root() / kGolden);
  const std::string prompt = "/f32/p017";
  const std::string exit = prompt + "/exit";
  QuestionRecord question;
  question.id = QuestionId("p017");
  for (const auto id : golden.read<std::int32_t>(prompt + "/input_ids").values) {
    question.prompt_ids.emplace_back(id);
  }
  const TraceRows pp = golden_rows(golden, exit + "/pp_active", kAlpha,
                                   golden.read<float>(prompt + "/plain/embed_norm").values,
                                   golden.read<float>(prompt + "/plain/layer_norms").values);
  ResponseRecord response;
  response.mode = LacMode::kExit;
  response.rg = golden_rows(golden, exit + "/rg_active", kAlpha,
                            golden.open_dataset(exit + "/rg_embed_norm").read_rows<float>(kAlpha, 1),
                            golden.open_dataset(exit + "/rg_layer_norms").read_rows<float>(kAlpha, 1));
  for (const auto id : golden.open_dataset(exit + "/rg_fed_ids").read_rows<std::int32_t>(kAlpha, 1)) {
    response.token_ids.emplace_back(id);
  }
  response.token_ids.emplace_back(
      golden.open_dataset(exit + "/rg_token_ids").read_rows<std::int32_t>(kAlpha, 1).back());

  const auto made = ordered_json::parse(render_author_json(question, response, pp, 0, 0));
  const auto expected = ordered_json::parse(std::ifstream(testing::reference_root() / kSample));
  for (const auto& [key, value] : expected.items()) {
    ASSERT_TRUE(made.contains(key)) << key;
    expect_close(made[key], value, key);
  }
}

TEST(AuthorJson, HoldsTheTextsAsTheReleasedCodeDoes) {
  const TemporaryFolder folder;
  const SyntheticRun made(folder.path());
  QuestionRecord record = made.record(made.plan[0], 0);
  record.author_texts->true_answer = "true";
  record.author_texts->question = "caf\xC3\xA9?";
  const std::string text = render_author_json(record, record.responses[1], record.pp[0], 0, 0);
  EXPECT_EQ(text.substr(0, 22), "{\n  \"question\": [\n    ");
  EXPECT_NE(text.find("caf\\u00e9?"), std::string::npos);
  const auto json = ordered_json::parse(text);
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  EXPECT_EQ(keys, (std::vector<std::string>{"question", "subject", "prompt", "true_answer", "model_answer",
                                            "pp_phase", "rg_phase", "prompt_l2", "response_l2"}));
  EXPECT_EQ(json["true_answer"], ordered_json::parse("[true]"));
  EXPECT_EQ(json["prompt"], ordered_json::parse(R"([[{"role": "user", "content": "Question: Why?"}]])"));
  EXPECT_EQ(json["model_answer"], ordered_json::parse(R"(["answer<eos>"])"));
  // Row t carries the token that was chosen after the pass fed with token t.
  EXPECT_EQ(json["rg_phase"][0][0][0][0], record.responses[1].token_ids[1].value());
}

TEST(AuthorJson, IsWrittenBesideThePartsIfAskedFor) {
  const TemporaryFolder folder;
  SyntheticRun made(folder.path() / "run");
  made.config.store.author_json = true;
  made.write_parts({0, 3});
  const auto sample = made.run.author_json_folder("tiny-a", "mmlu", LacMode::kExit, 0.5) / "sample_1.json";
  EXPECT_EQ(sample.parent_path().filename(), "alpha_0.5");
  const auto json = ordered_json::parse(std::ifstream(sample));
  const QuestionRecord record = made.record(made.plan[0], 1);
  const auto& first_row = json["pp_phase"][0][0][0];
  ASSERT_EQ(first_row.size(), 9U);
  EXPECT_EQ(first_row[0], record.prompt_ids[0].value());
  for (std::int64_t layer = 0; layer < 8; ++layer) {
    EXPECT_EQ(first_row[static_cast<std::size_t>(layer) + 1], record.pp[0].is_active(0, 1, layer) ? 1 : 0);
  }
  EXPECT_TRUE(std::filesystem::exists(
      made.run.author_json_folder("tiny-a", "mmlu", LacMode::kPropagate, 0.8) / "sample_0.json"));
}

}  // namespace
}  // namespace lacuna
