// dataset generate, dataset import: images and labels come in.
#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/name.h"
#include "base/status.h"
#include "clients/cpp/files.h"
#include "clients/cpp/upload.h"
#include "clients/nevus/commands.h"
#include "clients/nevus/context.h"
#include "clients/nevus/labels.h"
#include "clients/synthetic/synthetic.h"

namespace nevus {
namespace {

constexpr int64_t kMaxLabelFileBytes = 256 << 20;
constexpr size_t kRefusalsShown = 20;

absl::Status GenerateSynthetic(Context& context) {
  const Invocation& line = context.line();
  const std::string& directory = context.argument(0);
  const int64_t count = line.Integer("count"), size = line.Integer("size");
  if (count < 1 || count > 1000000) {
    return UsageError("--count is 1 to 1000000");
  }
  if (size < 32 || size > 2048) return UsageError("--size is 32 to 2048");
  const auto seed = static_cast<uint64_t>(line.Integer("seed"));

  std::string labels =
      CsvLine({"image_id", "label", "synthetic", "asymmetry", "border",
               "colours", "structures", "veil", "diameter"});
  int64_t melanomas = 0;
  {
    Progress progress(context.terminal(), "generate");
    for (int i = 0; i < count; ++i) {
      const SyntheticImage image = Generate(seed, i, static_cast<int>(size));
      RETURN_IF_ERROR(WriteFile(
          absl::StrCat(directory, "/images/", image.name, ".jpg"), image.jpeg));
      const LesionTraits& traits = image.traits;
      Row row = {image.name, image.label, "true"};
      for (double trait : {traits.asymmetry, traits.border, traits.colours,
                           traits.structures, traits.veil, traits.diameter}) {
        row.push_back(FormatNumber(trait, 3));
      }
      labels += CsvLine(row);
      melanomas += image.label == "melanoma";
      progress.Update(i + 1, count, "images");
    }
  }
  RETURN_IF_ERROR(WriteFile(directory + "/labels.csv", labels));
  context.Print(
      {{"images", "melanoma", "nevus", "labels"},
       {{absl::StrCat(count), absl::StrCat(melanomas),
         absl::StrCat(count - melanomas), directory + "/labels.csv"}}},
      {{"images", directory + "/images"},
       {"labels", directory + "/labels.csv"},
       {"synthetic", true},
       {"count", count},
       {"melanoma", melanomas},
       {"nevus", count - melanomas}});
  return absl::OkStatus();
}

// The examples that the command line asks to import, all checked.
absl::StatusOr<Pairing> ReadExamples(const Invocation& line) {
  const std::string labels_path = line.Text("labels");
  LabelColumns columns;
  columns.label = line.Text("label-column");
  columns.id = line.Text("id-column");
  columns.group = line.Text("group-column");
  columns.split = line.Text("split-column");
  columns.one_against_rest = line.On("one-against-rest");
  if (!columns.split.empty() && line.Has("split")) {
    return UsageError(
        "--split and --split-column exclude each other; give one");
  }
  ASSIGN_OR_RETURN(const std::string text,
                   ReadFile(labels_path, kMaxLabelFileBytes));
  absl::StatusOr<std::vector<LabelRow>> rows = ParseLabels(text, columns);
  if (!rows.ok()) {
    return Annotate(rows.status(),
                    absl::StrCat("the label file ", Quoted(labels_path)));
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   ListFiles(line.Text("images")));
  Pairing pairing = PairWithImages(*rows, line.Text("images"), names);
  ASSIGN_OR_RETURN(const v1::Split split, ParseSplit(line.Text("split")));
  for (ExampleFile& file : pairing.files) {
    if (columns.split.empty()) file.example.set_split(split);
  }
  return pairing;
}

void SayRefused(const std::vector<v1::ImportOutcome>& refused,
                Context& context) {
  for (size_t i = 0; i < std::min(refused.size(), kRefusalsShown); ++i) {
    context.Say(absl::StrCat("refused ", Quoted(refused[i].id()), ": ",
                             refused[i].message(), " (", refused[i].reason(),
                             ")"));
  }
  if (refused.size() > kRefusalsShown) {
    context.Say(absl::StrCat("and ", refused.size() - kRefusalsShown,
                             " more; --output json lists all"));
  }
}

absl::Status Import(Context& context) {
  const std::string& name = context.argument(0);
  if (absl::Status status = CheckName("dataset", name); !status.ok()) {
    return UsageError(std::string(status.message()));
  }
  ASSIGN_OR_RETURN(Pairing pairing, ReadExamples(context.line()));
  ASSIGN_OR_RETURN(Client * client, context.Server());

  ImportSummary summary;
  if (!pairing.files.empty()) {
    Progress progress(context.terminal(), absl::StrCat("import ", name));
    ASSIGN_OR_RETURN(summary,
                     ImportExamples(*client, name, pairing.files,
                                    [&](int64_t answered, int64_t all) {
                                      progress.Update(answered, all, "images");
                                    }));
  }
  std::vector<v1::ImportOutcome> refused = std::move(pairing.refused);
  std::move(summary.refused.begin(), summary.refused.end(),
            std::back_inserter(refused));
  SayRefused(refused, context);
  Json refusals = Json::array();
  for (const v1::ImportOutcome& outcome : refused) {
    refusals.push_back({{"id", outcome.id()},
                        {"reason", outcome.reason()},
                        {"message", outcome.message()}});
  }
  context.Print(
      {{"dataset", "taken", "already there", "refused"},
       {{name, absl::StrCat(summary.taken), absl::StrCat(summary.already_there),
         absl::StrCat(refused.size())}}},
      {{"dataset", name},
       {"taken", summary.taken},
       {"already_there", summary.already_there},
       {"refused", refused.size()},
       {"refusals", refusals}});
  if (refused.empty() || context.line().On("skip-bad")) {
    return absl::OkStatus();
  }
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          refused.size(), " of ",
          summary.taken + summary.already_there +
              static_cast<int64_t>(refused.size()),
          " were refused, the others are imported; correct them, or accept "
          "their loss with --skip-bad")),
      "EXAMPLES_REFUSED");
}

}  // namespace

std::vector<Command> DatasetImportCommands() {
  return {
      {"dataset generate",
       "DIR",
       "Generate synthetic dermoscopic images with labels",
       "Writes DIR/images/synthetic_00001.jpg ... and DIR/labels.csv. They are "
       "marked SYNTHETIC and teach nothing about skin.",
       {Flag::Integer("count", "how many images").Default("600"),
        Flag::Integer("size", "pixels a side").Default("256"),
        Flag::Integer("seed", "the same seed, the same bytes").Default("0")},
       {"nevus dataset generate synthetic --count 600 --seed 1"},
       GenerateSynthetic},
      {"dataset import",
       "NAME",
       "Import images with their labels into a dataset's draft",
       "The label file is CSV in UTF-8 with a header. Ids are matched to files "
       "with or without extension. The label column holds class names, or 0 "
       "and "
       "1: then all columns of 0 and 1 are one-hot, a row's label is the name "
       "of "
       "the column with the 1, and \"other\" if there is none. Other columns "
       "become attributes. The whole file is checked before anything is sent. "
       "Running it again stores nothing twice.",
       {Flag::Text("images", "DIR", "folder of image files").Required(),
        Flag::Text("labels", "FILE.csv", "label file").Required(),
        Flag::Text("label-column", "C", "column of the label").Required(),
        Flag::Text("id-column", "C",
                   "column of the image's name (default image_id, image, id, "
                   "isic_id, file, filename, or the first column that is not "
                   "label, group or split)"),
        Flag::Text("split", "S", "put all into this split")
            .OneOf({"train", "validation", "test"}),
        Flag::Text("split-column", "C", "column of the split"),
        Flag::Text("group-column", "C", "column of the patient or lesion"),
        Flag::Switch("one-against-rest",
                     "a label column of 0 and 1 stands alone; others like it "
                     "become attributes"),
        Flag::Switch("skip-bad", "exit 0 although some were refused")},
       {"nevus dataset import isic --images train --labels train.csv "
        "--label-column melanoma --split train"},
       Import}};
}

}  // namespace nevus
