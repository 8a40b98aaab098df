// The soak of `nevus bench serve`: very many small requests while versions are
// loaded and unloaded, and what that does to the process's memory.
#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "base/temp_dir.h"
#include "tests/bench/benches.h"
#include "tests/bench/measure.h"
#include "tests/bench/photographs.h"
#include "tests/bench/served_models.h"

namespace nevus {
namespace {

constexpr double kGrowthMib = 50;
constexpr int kRequestsPerSwap = 1000;
constexpr int kCallers = 8;
constexpr int kLearned = 40;
// The first layer of a VGG16 on 32 x 32 pixels, and photographs of 64 x 64:
// what takes less than the call around it.
constexpr char kCut[] = "block1_conv1";
constexpr int kInputSize = 32;
constexpr int kSide = 64;

// Asks `count` times on several threads; the first error ends it.
absl::Status Ask(BenchNode& node, const std::string& image, int count) {
  std::atomic<int> left{count};
  Mutex mutex;
  absl::Status first_error;
  std::vector<std::thread> callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&] {
      v1::PredictRequest request;
      request.set_model("bench");
      request.set_alias("live");
      request.set_image(image);
      while (left-- > 0) {
        const absl::Status status =
            node.client()
                .Call(&v1::PredictionService::Stub::Predict, request)
                .status();
        if (status.ok()) continue;
        left = 0;
        MutexLock lock(mutex);
        first_error.Update(status);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  return first_error;
}

}  // namespace

absl::StatusOr<Report> BenchServeSoak(const BenchOptions& options) {
  const TempDir generated;
  ASSIGN_OR_RETURN(const std::vector<ExampleFile> files,
                   FindPhotographs("", kLearned, generated.path(), kSide));
  ASSIGN_OR_RETURN(const std::vector<std::string> photographs,
                   ReadPhotographs(files));
  // No memory for what no alias points at: every swap unloads one network and
  // loads another.
  ASSIGN_OR_RETURN(const std::unique_ptr<BenchNode> node,
                   BenchNode::Start(options.threads, /*serving_bytes=*/0));
  RETURN_IF_ERROR(node->ImportAndSeal("bench", files));
  for (const uint64_t seed : {1, 2}) {
    ServedModel model;
    model.name = "bench";
    model.backbone = absl::StrCat("vgg", seed);
    model.cut = kCut;
    model.precision = "fp32";
    WeightsChoice weights;
    weights.seed = seed;
    RETURN_IF_ERROR(node->ImportNetwork(weights, kInputSize, model.backbone));
    RETURN_IF_ERROR(TrainServedModel(*node, model, seed));
  }
  const int rounds = std::max(2, options.soak / kRequestsPerSwap);
  std::vector<double> mib;
  double swap_seconds = 0;
  const Stopwatch watch;
  const LogToFile quiet(generated.path() + "/log");
  for (int round = 0; round <= rounds; ++round) {
    options.progress(round, rounds + 1,
                     absl::StrCat("ask and swap; ",
                                  static_cast<int>(ResidentMib()), " MiB"));
    const Stopwatch swapping;
    RETURN_IF_ERROR(Promote(node->client(), "bench", 1 + round % 2));
    swap_seconds += swapping.Seconds();
    RETURN_IF_ERROR(Ask(*node, photographs[round % photographs.size()],
                        std::min(options.soak, kRequestsPerSwap)));
    mib.push_back(ResidentMib());
  }
  // Pools and caches have filled after a twentieth. Between swaps memory goes
  // up and down with the stores' buffers, so twentieths are compared.
  const size_t window = std::max<size_t>(1, mib.size() / 20);
  const std::vector<double> before(mib.begin() + window,
                                   mib.begin() + 2 * window);
  const std::vector<double> after(mib.end() - window, mib.end());
  Report report;
  report.lanes = {{"memory after the warm-up", "MiB", nullptr, before},
                  {"memory at the end", "MiB", nullptr, after},
                  {"requests",
                   "requests/s",
                   nullptr,
                   {(rounds + 1) * std::min(options.soak, kRequestsPerSwap) /
                    (watch.Seconds() - swap_seconds)}},
                  {"load, check and promote",
                   "ms",
                   nullptr,
                   {1000 * swap_seconds / (rounds + 1)}}};
  report.ratios = {
      {absl::StrCat("growth over ", options.soak, " requests and ", rounds,
                    " loads and unloads / 50 MiB"),
       {std::max(0.0, Median(after) - Median(before)) / kGrowthMib},
       {},
       1.0}};
  ASSIGN_OR_RETURN(report.facts, node->Facts());
  return report;
}

}  // namespace nevus
