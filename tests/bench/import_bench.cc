#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/status.h"
#include "base/temp_dir.h"
#include "clients/cpp/upload.h"
#include "compute/image/decode.h"
#include "tests/bench/benches.h"
#include "tests/bench/photographs.h"

namespace nevus {
namespace {

constexpr double kTarget = 0.5;

absl::StatusOr<double> Decode(const std::vector<std::string>& photographs) {
  const Stopwatch watch;
  for (const std::string& bytes : photographs) {
    RETURN_IF_ERROR(DecodeImage(bytes).status());
  }
  return photographs.size() / watch.Seconds();
}

// A node of its own, so that no image is there yet; starting it is not timed.
absl::StatusOr<double> Import(const std::vector<ExampleFile>& files,
                              int threads) {
  ASSIGN_OR_RETURN(const std::unique_ptr<BenchNode> node,
                   BenchNode::Start(threads));
  const Stopwatch watch;
  ASSIGN_OR_RETURN(const ImportSummary summary,
                   ImportExamples(node->client(), "bench", files, nullptr));
  const double seconds = watch.Seconds();
  if (summary.taken != static_cast<int64_t>(files.size())) {
    return absl::InvalidArgumentError(absl::StrCat(
        "only ", summary.taken, " of ", files.size(),
        " files were taken; a bench needs good images of JPEG or PNG"));
  }
  return files.size() / seconds;
}

}  // namespace

absl::StatusOr<Report> BenchImport(const BenchOptions& options) {
  const TempDir generated;
  ASSIGN_OR_RETURN(
      const std::vector<ExampleFile> files,
      FindPhotographs(options.images, options.count, generated.path()));
  ASSIGN_OR_RETURN(const std::vector<std::string> photographs,
                   ReadPhotographs(files));
  Lane decode{"decode alone, one core", "images/s",
              [&] { return Decode(photographs); }};
  Lane import{"import, synced", "images/s",
              [&] { return Import(files, options.threads); }};
  RETURN_IF_ERROR(
      RunInTurns({&decode, &import}, options.repeats, options.progress));

  Report report;
  report.ratios = {{"import / decode alone",
                    Divide(import.values, decode.values),
                    kTarget,
                    {}}};
  report.lanes = {decode, import};
  ASSIGN_OR_RETURN(const std::unique_ptr<BenchNode> node,
                   BenchNode::Start(options.threads));
  ASSIGN_OR_RETURN(report.facts, node->Facts());
  size_t bytes = 0;
  for (const std::string& photograph : photographs) bytes += photograph.size();
  report.facts.emplace_back(
      "images",
      absl::StrCat(
          DescribePhotographs(options.images, options.count), ", ",
          FormatBytes(static_cast<int64_t>(bytes / photographs.size())),
          " each"));
  return report;
}

}  // namespace nevus
