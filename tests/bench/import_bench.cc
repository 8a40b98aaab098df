#include <cstdio>  // jpeglib.h needs FILE
#include <memory>
#include <string>
#include <vector>

// clang-format would put it first.
#include <jpeglib.h>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/status.h"
#include "base/temp_dir.h"
#include "clients/cpp/upload.h"
#include "clients/nevus/command.h"
#include "compute/image/decode.h"
#include "tests/bench/bench_node.h"
#include "tests/bench/benches.h"
#include "tests/bench/photographs.h"

namespace nevus {
namespace {

constexpr double kTarget = 0.5;

// libjpeg-turbo would end the process at a file that it cannot read.
absl::Status CheckJpegs(const std::vector<std::string>& photographs) {
  for (const std::string& bytes : photographs) {
    RETURN_IF_ERROR(DecodeImage(bytes).status());
    ASSIGN_OR_RETURN(const ImageHeader header,
                     ReadImageHeader(bytes, DecodeLimits()));
    if (header.format != ImageFormat::kJpeg) {
      return UsageError(
          "the yardstick is libjpeg-turbo, and there are other images than "
          "JPEGs; give a folder without them");
    }
  }
  return absl::OkStatus();
}

// As simple programs do it: its defaults, no check but its own.
absl::StatusOr<double> DecodeAlone(
    const std::vector<std::string>& photographs) {
  const Stopwatch watch;
  for (const std::string& bytes : photographs) {
    jpeg_decompress_struct info = {};
    jpeg_error_mgr errors;
    info.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&info);
    jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(bytes.data()),
                 bytes.size());
    jpeg_read_header(&info, TRUE);
    jpeg_start_decompress(&info);
    const size_t row_bytes = size_t{1} * info.output_width *
                             static_cast<size_t>(info.output_components);
    std::vector<uint8_t> pixels(row_bytes * info.output_height);
    while (info.output_scanline < info.output_height) {
      JSAMPROW row = &pixels[row_bytes * info.output_scanline];
      jpeg_read_scanlines(&info, &row, 1);
    }
    jpeg_finish_decompress(&info);
    jpeg_destroy_decompress(&info);
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
    return absl::InvalidArgumentError(
        absl::StrCat("only ", summary.taken, " of ", files.size(),
                     " files were taken; a bench needs good images"));
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
  RETURN_IF_ERROR(CheckJpegs(photographs));
  Lane decode{"libjpeg-turbo alone, one core", "images/s",
              [&] { return DecodeAlone(photographs); }};
  Lane import{"import, synced", "images/s",
              [&] { return Import(files, options.threads); }};
  RETURN_IF_ERROR(
      RunInTurns({&decode, &import}, options.repeats, options.progress));

  Report report;
  report.ratios = {{"import / libjpeg-turbo alone",
                    Divide(import.values, decode.values),
                    kTarget,
                    {}}};
  report.lanes = {decode, import};
  ASSIGN_OR_RETURN(report.facts, FactsOfThisMachine(options.threads));
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
