#include "tests/bench/commands.h"

#include <sched.h>

#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "clients/nevus/context.h"
#include "tests/bench/benches.h"

namespace nevus {
namespace {

// More would be a mistake of typing.
constexpr int64_t kMaxCount = 100'000;
constexpr int64_t kMaxThreads = 256;
constexpr int64_t kMaxJobs = 200'000;
constexpr int64_t kMaxDimension = 1'000'000;
constexpr int64_t kMaxTasks = 10'000;
constexpr int64_t kMaxSeconds = 3600;
constexpr int64_t kMaxSoak = 100'000'000;

int Processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
}

absl::StatusOr<int> Number(const Invocation& line, const std::string& flag,
                           int64_t least, int64_t most) {
  const int64_t value = line.Integer(flag);
  if (value < least || value > most) {
    return UsageError(absl::StrCat("--", flag, " goes from ", least, " to ",
                                   most, "; it was given ", value));
  }
  return static_cast<int>(value);
}

absl::StatusOr<BenchOptions> ReadFlags(const Invocation& line) {
  BenchOptions options;
  options.threads = Processors();
  if (line.Has("jobs")) {
    ASSIGN_OR_RETURN(options.jobs, Number(line, "jobs", 1, kMaxJobs));
    ASSIGN_OR_RETURN(options.tasks, Number(line, "tasks", 1, kMaxTasks));
    ASSIGN_OR_RETURN(options.clients, Number(line, "clients", 1, kMaxThreads));
    return options;
  }
  options.images = line.Text("images");
  ASSIGN_OR_RETURN(options.count, Number(line, "count", 1, kMaxCount));
  ASSIGN_OR_RETURN(options.repeats, Number(line, "repeats", 1, kMaxCount));
  if (line.Has("dimension")) {
    ASSIGN_OR_RETURN(options.dimension,
                     Number(line, "dimension", 100, kMaxDimension));
  }
  if (line.Has("seconds")) {
    ASSIGN_OR_RETURN(const int seconds,
                     Number(line, "seconds", 1, kMaxSeconds));
    options.seconds = seconds;
    ASSIGN_OR_RETURN(options.soak, Number(line, "soak", 0, kMaxSoak));
  }
  if (line.Has("threads")) {
    ASSIGN_OR_RETURN(options.threads, Number(line, "threads", 1, kMaxThreads));
  }
  if (line.Has("labelled")) options.labelled = line.Text("labelled");
  if (line.Has("layers")) options.layers = line.On("layers");
  if (line.Has("peer")) options.peer = !line.Text("peer").empty();
  if (line.Has("weights")) {
    ASSIGN_OR_RETURN(options.weights, ParseWeights(line.Text("weights")));
    if (line.Has("arch")) options.weights.arch = line.Text("arch");
    options.weights.preprocessing = line.Text("preprocessing");
    options.precision = line.Text("precision");
    options.input_size = static_cast<int>(line.Integer("input-size"));
  }
  return options;
}

std::function<absl::Status(Context&)> Runs(
    absl::StatusOr<Report> (*bench)(const BenchOptions&),
    const std::string& title) {
  return [bench, title](Context& context) -> absl::Status {
    ASSIGN_OR_RETURN(BenchOptions options, ReadFlags(context.line()));
    Report report;
    {
      Progress progress(context.terminal(), title);
      options.progress = [&](int done, int all, const std::string& next) {
        progress.Update(done, all, "runs", next);
      };
      ASSIGN_OR_RETURN(report, bench(options));
    }
    context.Print(ToTable(report), ToJson(report));
    if (context.line().Text("output") == "table") {
      Table facts;
      for (const auto& [name, value] : report.facts) {
        facts.rows.push_back({name, value});
      }
      context.Write("\n" + AlignTable(facts));
    }
    return absl::OkStatus();
  };
}

Flag Images() {
  return Flag::Text("images", "DIR",
                    "photographs to work on; without, synthetic JPEGs of 256 x "
                    "256 are made");
}
Flag Repeats(int repeats) {
  return Flag::Integer("repeats", "rounds that count, after one to warm up")
      .Default(absl::StrCat(repeats));
}
Flag Threads() {
  return Flag::Integer("threads", "cores for the network; all by default");
}
std::vector<Flag> Network() {
  return {
      Flag::Text("weights", "FILE",
                 "the network's weights: random:SEED, or a file as for "
                 "`nevus backbone import`")
          .Default("random:0"),
      Flag::Text("precision", "P",
                 "precision to measure; auto: for `extract` every one that "
                 "this processor has, for `serve` Winograd's or else fp32")
          .Default("auto")
          .OneOf({"auto", "fp32", "fp32_winograd", "bf16", "int8",
                  "int8_winograd"}),
      Flag::Integer("input-size",
                    "pixels a side of the network's input; 0: its own")
          .Default("0"),
      Flag::Text("preprocessing", "P",
                 "how pixels are normalised, as for `nevus backbone import`")
          .OneOf({"torchvision", "caffe", "tf"})};
}

std::vector<Flag> Join(std::vector<Flag> flags, const std::vector<Flag>& more) {
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

constexpr char kDetails[] =
    "Hosts a server of its own on a temporary directory (--server is not used) "
    "and takes turns between what it compares, so that other load meets both. "
    "A missed target is no failure: the exit code is 0. docs/benchmarks.md "
    "explains each figure.";

}  // namespace

const std::vector<Command>& BenchTable() {
  static const auto* const commands = new std::vector<Command>{
      {"bench extract",
       "",
       "Measure extraction against LibTorch's eager network",
       kDetails,
       Join({Images(),
             Flag::Integer("count", "images in each job").Default("128"),
             Repeats(3), Threads(),
             Flag::Text("labelled", "DIR",
                        "also compare the precisions' validation AUC on train/ "
                        "and validation/ there, with their *_labels.csv"),
             Flag::Switch("layers", "also print every layer's speed"),
             Flag::Text("arch", "ARCH", "the network; the targets are VGG16's")
                 .Default("vgg16")
                 .OneOf({"vgg16", "resnet50", "inception_v3", "xception",
                         "squeezenet1_1"}),
             Flag::Text("peer", "PEER",
                        "also measure onnxruntime on the same network and "
                        "tensors; it is fetched with npm the first time")
                 .OneOf({"onnxruntime"})},
            Network()),
       {"nevus bench extract --count 128 --repeats 3",
        "nevus bench extract --threads 1 --peer onnxruntime",
        "nevus bench extract --arch resnet50 --layers"},
       Runs(BenchExtract, "bench extract")},
      {"bench decode",
       "",
       "Measure large photographs decoded reduced against whole",
       kDetails,
       Join({Flag::Text("images", "DIR",
                        "large JPEGs to work on; without, synthetic ones of 24 "
                        "megapixels are made"),
             Flag::Integer("count", "photographs").Default("3"), Repeats(3),
             Threads()},
            Network()),
       {"nevus bench decode --images photographs --count 10"},
       Runs(BenchDecode, "bench decode")},
      {"bench import",
       "",
       "Measure an import against decoding alone on one core",
       kDetails,
       {Images(),
        Flag::Integer("count", "images in each import").Default("500"),
        Repeats(5), Threads()},
       {"nevus bench import --images photographs --count 500"},
       Runs(BenchImport, "bench import")},
      {"bench serve",
       "",
       "Measure serving alone, saturated, overloaded and during swaps",
       kDetails,
       Join({Flag::Integer("count", "lone requests in each repeat")
                 .Default("30"),
             Repeats(3),
             Flag::Integer("seconds", "of each phase of load").Default("10"),
             Flag::Integer("soak",
                           "instead: so many small requests, with a swap of "
                           "networks after each 1,000, and what memory they "
                           "cost; 0: none")
                 .Default("0"),
             Threads()},
            Network()),
       {"nevus bench serve --threads 2", "nevus bench serve --soak 1000000"},
       Runs(BenchServe, "bench serve")},
      {"bench soak",
       "",
       "Measure a worker's memory over many images, and its start",
       kDetails,
       Join({Images(),
             Flag::Integer("count",
                           "images, more than 1000, which are the warm-up")
                 .Default("100000"),
             Repeats(1), Threads()},
            Network()),
       {"nevus bench soak --count 20000"},
       Runs(BenchSoak, "bench soak")},
      {"bench workers",
       "",
       "Measure two extraction workers of one thread against one",
       kDetails,
       Join({Images(),
             Flag::Integer("count", "images in each job").Default("128"),
             Repeats(3)},
            Network()),
       {"nevus bench workers"},
       Runs(BenchWorkers, "bench workers")},
      {"bench train",
       "",
       "Measure training on stored features against disk and BLAS",
       kDetails,
       {Flag::Integer("count", "features, one of 20 for validation")
            .Default("100000"),
        Flag::Integer("dimension", "numbers in a feature").Default("25088"),
        Repeats(1)},
       {"nevus bench train --count 10000"},
       Runs(BenchTrain, "bench train")},
      {"bench scheduler",
       "",
       "Measure a queue of jobs: submit, list, lease, reopen, idle workers",
       kDetails,
       {Flag::Integer(
            "jobs",
            "jobs in the queue at the end; the cost of one is printed "
            "at 1,000, 10,000 and so on")
            .Default("100000"),
        Flag::Integer("tasks", "tasks of each job").Default("10"),
        Flag::Integer("clients", "clients that submit at a time")
            .Default("16")},
       {"nevus bench scheduler --jobs 10000"},
       Runs(BenchScheduler, "bench scheduler")}};
  return *commands;
}

}  // namespace nevus
