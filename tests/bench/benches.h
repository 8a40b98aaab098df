// What `nevus bench` measures. Each bench hosts its own node on a temporary
// directory and takes turns between the thing and its yardstick.
#ifndef NEVUS_TESTS_BENCH_BENCHES_H_
#define NEVUS_TESTS_BENCH_BENCHES_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "tests/bench/bench_node.h"
#include "tests/bench/measure.h"

namespace nevus {

// What the benches have in common.
struct BenchOptions {
  std::string images;  // a folder; "": generated
  int count = 64;      // images, or requests of a repeat
  int repeats = 5;
  int threads = 1;
  int input_size = 0;  // 0: the backbone's own
  WeightsChoice weights;
  std::string precision = "auto";
  std::string labelled;  // a folder of photographs with truths; "": none
  bool layers = false;   // measure each layer, too
  bool peer = false;     // measure ONNX Runtime, too
  int jobs = 0;          // of a queue
  int tasks = 0;         // of a job
  int clients = 0;       // at a time
  double seconds = 10;   // of a phase of load
  int soak = 0;          // requests of a soak; 0: none
  int dimension = 0;     // of a feature
  // How many of all steps are done and what is next.
  std::function<void(int done, int all, const std::string& next)> progress;
};

// image -> feature: our way from the store and back against the network alone
// and LibTorch's eager one, for fp32 and for `precision` or, if that is auto,
// for every one that this processor has and so for the one that auto takes;
// what each costs in accuracy and memory.
absl::StatusOr<Report> BenchExtract(const BenchOptions& options);

// bytes -> pixels: large photographs decoded at the size that a network needs
// against decoding them whole, and what that does to their features.
absl::StatusOr<Report> BenchDecode(const BenchOptions& options);

// feature -> model: features read back from the store, and a training on them,
// against the disk and the matrix products alone.
absl::StatusOr<Report> BenchTrain(const BenchOptions& options);

// image -> feature: two extraction workers of one thread each against one.
absl::StatusOr<Report> BenchWorkers(const BenchOptions& options);

// image -> feature: one worker over many images, its memory and its start.
absl::StatusOr<Report> BenchSoak(const BenchOptions& options);

// files -> images: an import against decoding alone on one core.
absl::StatusOr<Report> BenchImport(const BenchOptions& options);

// image -> prediction: a lone request, saturation, part load, overload and
// swaps against the network alone; or, with `soak`, the next one.
absl::StatusOr<Report> BenchServe(const BenchOptions& options);
// Very many small requests and a swap of networks after each thousand: memory.
absl::StatusOr<Report> BenchServeSoak(const BenchOptions& options);

// A queue of jobs on one machine: submitted, listed, leased from, loaded again,
// and watched over by idle workers.
absl::StatusOr<Report> BenchScheduler(const BenchOptions& options);

}  // namespace nevus

#endif  // NEVUS_TESTS_BENCH_BENCHES_H_
