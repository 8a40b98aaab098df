// features export.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/status.h"
#include "clients/nevus/commands.h"
#include "clients/nevus/context.h"
#include "clients/nevus/feature_files.h"
#include "clients/nevus/jobs.h"
#include "clients/nevus/training.h"

namespace nevus {
namespace {

// What a request for features names at most.
constexpr size_t kDigestsInRequest = 100'000;

absl::StatusOr<std::vector<v1::Example>> ReadRows(Client& client,
                                                  const VersionedName& name) {
  v1::ReadExamplesRequest request;
  request.set_dataset(name.name);
  request.set_version(name.version);
  std::vector<v1::Example> rows;
  RETURN_IF_ERROR(client.Read(&v1::DatasetService::Stub::ReadExamples, request,
                              [&](const v1::ReadExamplesResponse& page) {
                                rows.insert(rows.end(), page.examples().begin(),
                                            page.examples().end());
                                return absl::OkStatus();
                              }));
  return rows;
}

absl::StatusOr<v1::FeatureSpace> ResolveSpace(Client& client,
                                              const Invocation& line,
                                              const VersionedName& dataset) {
  v1::ResolveFeatureSpaceRequest request;
  SetSpace(line, dataset, &request);
  request.set_calibrated_on(line.Text("calibrated-on"));
  return client.Call(&v1::FeatureService::Stub::ResolveFeatureSpace, request);
}

absl::StatusOr<std::unique_ptr<FeatureWriter>> NewWriter(
    const std::string& format, const FeatureTable& table,
    const std::string& to) {
  if (format == "parquet") return NewParquetWriter(table, to);
  if (format == "safetensors") return NewSafetensorsWriter(table, to);
  return NewNpyWriter(table, to);
}

absl::Status ReadInto(Client& client, const v1::FeatureSpace& space,
                      const FeatureTable& table, FeatureWriter& writer,
                      Progress& progress) {
  size_t row = 0;
  const auto all = static_cast<int64_t>(table.rows.size());
  while (row < table.rows.size()) {
    v1::ReadFeaturesRequest request;
    request.set_space(space.digest());
    request.set_packed(true);
    const size_t end = std::min(row + kDigestsInRequest, table.rows.size());
    for (size_t i = row; i < end; ++i) {
      request.add_image_digests(table.rows[i].image_digest());
    }
    RETURN_IF_ERROR(client.Read(
        &v1::FeatureService::Stub::ReadFeatures, request,
        [&](const v1::ReadFeaturesResponse& response) -> absl::Status {
          for (const v1::Feature& feature : response.features()) {
            if (row == end ||
                feature.image_digest() != table.rows[row].image_digest()) {
              return absl::InternalError(
                  "the server sent other features than asked for; export "
                  "again");
            }
            RETURN_IF_ERROR(writer.Add(feature.packed()));
            ++row;
          }
          progress.Update(static_cast<int64_t>(row), all, "features");
          return absl::OkStatus();
        }));
    if (row != end) {
      return absl::InternalError(
          "the server sent fewer features than asked for; export again");
    }
  }
  return writer.Finish();
}

absl::Status Export(Context& context) {
  const Invocation& line = context.line();
  ASSIGN_OR_RETURN(const VersionedName dataset,
                   VersionArgument("dataset", context.argument(0)));
  const std::string format = line.Text("format"), to = line.Text("to");
  if (std::filesystem::exists(to) && !line.On("overwrite")) {
    return UsageError(absl::StrCat(
        Quoted(to), " is there; give another --to, or --overwrite"));
  }
  ASSIGN_OR_RETURN(Client * client, context.Server());
  ASSIGN_OR_RETURN(const v1::FeatureSpace space,
                   ResolveSpace(*client, line, dataset));
  FeatureTable table;
  ASSIGN_OR_RETURN(table.rows, ReadRows(*client, dataset));
  table.dimension = space.dimension();
  table.halves = space.values() == "fp16";
  table.about = {
      {"dataset", dataset.ToString()},       {"feature_space", space.digest()},
      {"backbone", line.Text("backbone")},   {"cut", space.cut()},
      {"pooling", space.pooling()},          {"arithmetic", space.arithmetic()},
      {"views", absl::StrCat(space.views())}};
  Progress progress(context.terminal(), "export " + dataset.ToString());
  const auto write = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const std::unique_ptr<FeatureWriter> writer,
                     NewWriter(format, table, to));
    return ReadInto(*client, space, table, *writer, progress);
  };
  absl::Status written = write();
  if (ReasonOf(written) == "NOT_HALVES") {
    // One of them overflows: a file has one type for all.
    table.halves = false;
    written = write();
  }
  RETURN_IF_ERROR(written);
  const std::string type =
      table.halves && format != "parquet" ? "float16" : "float32";
  context.Print({{"dataset", "features", "dimension", "type", "to"},
                 {{dataset.ToString(), absl::StrCat(table.rows.size()),
                   absl::StrCat(table.dimension), type, to}}},
                {{"dataset", dataset.ToString()},
                 {"features", table.rows.size()},
                 {"dimension", table.dimension},
                 {"type", type},
                 {"feature_space", space.digest()},
                 {"to", to}});
  return absl::OkStatus();
}

}  // namespace

std::vector<Command> FeatureExportCommands() {
  std::vector<Flag> flags = FeatureFlags();
  flags.push_back(CalibratedOnFlag());
  flags.push_back(Flag::Text("format", "F",
                             "npy: a directory with features.npy and rows.csv; "
                             "safetensors or parquet: a file")
                      .Default("npy")
                      .OneOf({"npy", "safetensors", "parquet"}));
  flags.push_back(
      Flag::Text("to", "PATH", "the directory or file to make").Required());
  flags.push_back(Flag::Switch("overwrite", "write over what is there"));
  return {{"features export",
           "DATASET@N",
           "Write the features of a dataset for other programs",
           "Rows stand in the order of their ids, each with id, image, split, "
           "label and group.",
           flags,
           {"nevus features export isic@1 --backbone vgg16 --to features",
            "nevus features export isic@1 --backbone vgg16 --format parquet "
            "--to isic.parquet"},
           Export}};
}

}  // namespace nevus
