// Prompts in chunks, and generating where memory is short: the same answers as with plenty.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <new>
#include <string_view>
#include <utility>

#include "worker/engine/generator.h"
#include "worker/engine/memory_budget.h"
#include "worker/models/load_model.h"
#include "worker/nn/compute_threads.h"

namespace lacuna {
namespace {

// While it lives, this process can map `headroom_bytes` more than it has mapped now, and what is mapped is
// taken: the allocator keeps what was freed, and sets address space aside for each thread that ever asked it
// for some.
class AddressSpaceLimit {
 public:
  explicit AddressSpaceLimit(std::int64_t headroom_bytes) {
    getrlimit(RLIMIT_AS, &before_);
    std::int64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const std::int64_t mapped_bytes = pages * sysconf(_SC_PAGESIZE);
    limit_to(mapped_bytes);
    while (void* const block = std::malloc(kBlockBytes)) blocks_ = new (block) Block{blocks_};
    limit_to(mapped_bytes + headroom_bytes);
  }
  AddressSpaceLimit(const AddressSpaceLimit&) = delete;
  AddressSpaceLimit& operator=(const AddressSpaceLimit&) = delete;
  ~AddressSpaceLimit() {
    setrlimit(RLIMIT_AS, &before_);
    while (blocks_ != nullptr) std::free(std::exchange(blocks_, blocks_->next));
  }

 private:
  struct Block {
    Block* next;
  };
  static constexpr std::size_t kBlockBytes = 64 << 10;  // less than what is mapped for itself

  void limit_to(std::int64_t bytes) const {
    rlimit tight = before_;
    tight.rlim_cur = static_cast<rlim_t>(bytes);
    setrlimit(RLIMIT_AS, &tight);
  }

  rlimit before_{};
  Block* blocks_ = nullptr;
};

class GeneratorMemory : public ::testing::Test {
 protected:
  void SetUp() override {
    set_compute_threads(1);
    loaded_ = load_model("demo/models/llama-demo", DataType::kFloat32, at::kCPU);
    for (std::int64_t question = 0; question < 6; ++question) {
      GeneratorPrompt prompt{.question = QuestionId(fmt::format("q{}", question)), .token_ids = {}};
      for (std::int64_t token = 0; token < 40 + 31 * question; ++token) {
        prompt.token_ids.emplace_back(static_cast<std::int32_t>((token * 7 + question) % 200 + 10));
      }
      prompts_.push_back(std::move(prompt));
    }
  }

  std::vector<GeneratedQuestion> generate(StreamKind stream, std::int64_t batch_tokens,
                                          MemoryBudget* memory = nullptr,
                                          AttentionPath attention = AttentionPath::kFastest) {
    GeneratorOptions options;
    options.stream = stream;
    options.alphas = {0.2, 0.6};
    if (stream == StreamKind::kShared) options.branches.push_back({});
    const LacMode swept = stream == StreamKind::kShared ? LacMode::kExit : LacMode::kPropagate;
    for (std::int32_t alpha = 0; alpha < 2; ++alpha) options.branches.push_back({swept, AlphaIndex(alpha)});
    options.max_new_tokens = 5;
    options.batch_tokens = batch_tokens;
    options.memory = memory;
    options.attention = attention;
    GreedyChooser chooser;
    return Generator(loaded_.model, chooser, options).generate(prompts_);
  }

  static void expect_equal(const std::vector<GeneratedQuestion>& found,
                           const std::vector<GeneratedQuestion>& expected) {
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t question = 0; question < found.size(); ++question) {
      ASSERT_EQ(found[question].pp.size(), expected[question].pp.size());
      for (std::size_t set = 0; set < found[question].pp.size(); ++set) {
        const TraceRows& rows = found[question].pp[set];
        const TraceRows& wanted = expected[question].pp[set];
        EXPECT_EQ(rows.tokens, wanted.tokens);
        EXPECT_EQ(rows.active, wanted.active);
        ASSERT_EQ(rows.norms.size(), wanted.norms.size());
        for (std::size_t i = 0; i < rows.norms.size(); ++i) {
          ASSERT_NEAR(rows.norms[i], wanted.norms[i], 1e-4F * wanted.norms[i]);
        }
      }
      ASSERT_EQ(found[question].branches.size(), expected[question].branches.size());
      for (std::size_t branch = 0; branch < found[question].branches.size(); ++branch) {
        EXPECT_EQ(found[question].branches[branch].tokens, expected[question].branches[branch].tokens);
      }
    }
  }

  LoadedModel loaded_;
  std::vector<GeneratorPrompt> prompts_;
};

TEST_F(GeneratorMemory, PromptsInChunksGiveTheSameAnswers) {
  for (const StreamKind stream : {StreamKind::kShared, StreamKind::kPropagate}) {
    const auto whole = generate(stream, 4096);
    for (const std::int64_t chunk : {1, 17, 64}) {
      expect_equal(generate(stream, chunk), whole);
      expect_equal(generate(stream, chunk, nullptr, AttentionPath::kOperators), whole);
    }
    expect_equal(generate(stream, 4096, nullptr, AttentionPath::kOperators), whole);
  }
}

TEST_F(GeneratorMemory, ABudgetThatIsTooSmallHalvesTheWorkUntilItFits) {
  const auto plenty = generate(StreamKind::kShared, 4096);
  // A meter that shows an empty process. Each token of a pass is said to take 1 MiB, so that at most 100 fit.
  MemoryBudget budget(100 << 20, 1 << 20,
                      {.resident = [] { return 0; }, .peak = [] { return 0; }, .reset_peak = [] {}});
  expect_equal(generate(StreamKind::kShared, 4096, &budget), plenty);
  expect_equal(generate(StreamKind::kShared, 4096, &budget, AttentionPath::kOperators), plenty);
}

// A pool as long as its longest prompt would hold mostly nothing: each sequence has a cache of its own then.
TEST_F(GeneratorMemory, OneLongPromptDoesNotMakeEverybodysCacheLong) {
  prompts_[0].token_ids.resize(3);
  for (std::size_t i = 1; i + 1 < prompts_.size(); ++i) prompts_[i].token_ids.resize(2 + i);
  const auto apart = generate(StreamKind::kShared, 4096);
  expect_equal(generate(StreamKind::kShared, 4096, nullptr, AttentionPath::kOperators), apart);
}

TEST_F(GeneratorMemory, GoesOnWithLessWhereTheAllocatorFails) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "AddressSanitizer needs all of the address space";
#endif
  for (GeneratorPrompt& prompt : prompts_) {
    while (prompt.token_ids.size() < 1500)
      prompt.token_ids.push_back(prompt.token_ids[prompt.token_ids.size() % 40]);
  }
  const auto plenty = generate(StreamKind::kShared, 20000);
  // Address space ends a little beyond what is mapped, in the middle of a pass. How much of it a pass takes
  // differs with the processor's kernels: where even one prompt does not fit, there is a little more the next
  // time.
  for (std::int64_t headroom_bytes = 4 << 20;; headroom_bytes += headroom_bytes / 2) {
    malloc_trim(0);
    testing::internal::CaptureStderr();
    const AddressSpaceLimit limit(headroom_bytes);
    std::vector<GeneratedQuestion> less;
    try {
      less = generate(StreamKind::kShared, 20000);
    } catch (const std::exception& error) {
      testing::internal::GetCapturedStderr();
      ASSERT_NE(std::string_view(error.what()).find("out of memory with a single prompt"),
                std::string_view::npos)
          << error.what();
      continue;
    }
    ASSERT_NE(testing::internal::GetCapturedStderr().find("need more memory"), std::string::npos)
        << "everything fitted into " << headroom_bytes << " bytes";
    expect_equal(less, plenty);
    break;
  }
}

TEST(MemoryBudget, LearnsWhatATokenTakes) {
  std::int64_t resident = 1000, peak = 0;
  MemoryBudget budget(
      10000, 1, {.resident = [&] { return resident; }, .peak = [&] { return peak; }, .reset_peak = [] {}});
  EXPECT_TRUE(budget.allows(100, 500));
  budget.begin();
  peak = 1000 + 500 + 100 * 80;
  budget.learn(100, 500);
  EXPECT_EQ(budget.pass_token_bytes(), 80);
  EXPECT_TRUE(budget.allows(106, 500));
  EXPECT_FALSE(budget.allows(107, 500));
  peak = 1000 + 500 + 100 * 20;  // the allocator had kept the memory: no news
  budget.learn(100, 500);
  EXPECT_EQ(budget.pass_token_bytes(), 80);
  EXPECT_TRUE(MemoryBudget(0, 1).allows(1 << 30, 1 << 30));
}

TEST(MemoryBudget, SeesThisProcess) {
  reset_peak_bytes();
  const std::int64_t before = read_resident_bytes();
  ASSERT_GT(before, 0);
  {
    // Not from the allocator, which may still have as much.
    constexpr std::size_t kBytes = 64 << 20;
    void* const block = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(block, MAP_FAILED);
    std::memset(block, 1, kBytes);
    EXPECT_GT(read_resident_bytes() - before, 60 << 20);
    munmap(block, kBytes);
  }
  EXPECT_GT(read_peak_bytes() - before, 60 << 20);
}

}  // namespace
}  // namespace lacuna
