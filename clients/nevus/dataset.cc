// dataset split, seal, list, show, export, diff, delete.
#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/digest.h"
#include "base/name.h"
#include "base/status.h"
#include "clients/cpp/files.h"
#include "clients/nevus/commands.h"
#include "clients/nevus/context.h"
#include "clients/nevus/labels.h"

namespace nevus {
namespace {

using Stub = v1::DatasetService::Stub;

// "isic@1", as a usage error if it is not that.
absl::StatusOr<VersionedName> DatasetVersionArgument(const std::string& text) {
  absl::StatusOr<VersionedName> parsed = ParseVersion("dataset", text);
  if (!parsed.ok()) return UsageError(std::string(parsed.status().message()));
  return parsed;
}

template <typename Map>
Table CountsTable(const Map& counts) {
  Table table{{"split", "label", "examples"}, {}};
  for (const auto& [key, count] :
       std::map<std::string, int64_t>(counts.begin(), counts.end())) {
    const size_t slash = key.find('/');
    table.rows.push_back(
        {key.substr(0, slash),
         slash == std::string::npos ? "" : key.substr(slash + 1),
         absl::StrCat(count)});
  }
  return table;
}

void PrintVersion(const v1::DatasetVersion& version, Context& context) {
  context.Say(absl::StrCat(version.dataset(), "@", version.version(), ": ",
                           FormatCount(version.examples()), " rows",
                           version.synthetic() ? " (SYNTHETIC)" : "",
                           ", digest ", version.digest()));
  for (const v1::SharedImage& shared : version.shared_images()) {
    context.Say(absl::StrCat("the same image stands in two splits: ",
                             absl::StrJoin(shared.example_ids(), ", "),
                             "; training leaves out what is judged later"));
  }
  context.Print(CountsTable(version.counts()), ToJson(version));
}

void PrintDataset(const v1::Dataset& dataset, Context& context) {
  Table table{{"version", "examples", "digest", "note"}, {}};
  for (const v1::DatasetVersion& version : dataset.versions()) {
    table.rows.push_back({absl::StrCat(dataset.name(), "@", version.version()),
                          absl::StrCat(version.examples()),
                          ShortDigest(version.digest()),
                          version.synthetic() ? "SYNTHETIC" : ""});
  }
  std::string counts;
  for (const auto& [key, count] : std::map<std::string, int64_t>(
           dataset.draft_counts().begin(), dataset.draft_counts().end())) {
    absl::StrAppend(&counts, counts.empty() ? "" : ", ", key, " ", count);
  }
  table.rows.push_back(
      {"draft", absl::StrCat(dataset.draft_examples()), "", counts});
  context.Print(table, ToJson(dataset));
}

absl::Status Split(Context& context) {
  v1::SplitDatasetRequest request;
  request.set_name(context.argument(0));
  request.set_request_id(RandomHex(16));
  request.set_train(context.line().Number("train"));
  request.set_validation(context.line().Number("validation"));
  request.set_test(context.line().Number("test"));
  request.set_seed(static_cast<uint64_t>(context.line().Integer("seed")));
  ASSIGN_OR_RETURN(Client * client, context.Server());
  ASSIGN_OR_RETURN(const v1::Dataset dataset,
                   client->Call(&Stub::SplitDataset, request));
  context.Print(CountsTable(dataset.draft_counts()), ToJson(dataset));
  return absl::OkStatus();
}

absl::Status Seal(Context& context) {
  v1::SealDatasetRequest request;
  request.set_name(context.argument(0));
  request.set_request_id(RandomHex(16));
  ASSIGN_OR_RETURN(Client * client, context.Server());
  ASSIGN_OR_RETURN(const v1::DatasetVersion version,
                   client->Call(&Stub::SealDataset, request));
  PrintVersion(version, context);
  return absl::OkStatus();
}

absl::Status List(Context& context) {
  ASSIGN_OR_RETURN(Client * client, context.Server());
  Table table{{"dataset", "draft examples", "versions", "newest digest"}, {}};
  Json json = Json::array();
  v1::ListDatasetsRequest request;
  do {
    ASSIGN_OR_RETURN(const v1::ListDatasetsResponse page,
                     client->Call(&Stub::ListDatasets, request));
    for (const v1::Dataset& dataset : page.datasets()) {
      const int versions = dataset.versions_size();
      table.rows.push_back(
          {dataset.name(), absl::StrCat(dataset.draft_examples()),
           absl::StrCat(versions),
           versions == 0
               ? ""
               : ShortDigest(dataset.versions(versions - 1).digest())});
      json.push_back(ToJson(dataset));
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  context.Print(table, json);
  return absl::OkStatus();
}

absl::Status Show(Context& context) {
  ASSIGN_OR_RETURN(Client * client, context.Server());
  if (!absl::StrContains(context.argument(0), "@")) {
    v1::GetDatasetRequest request;
    request.set_name(context.argument(0));
    ASSIGN_OR_RETURN(const v1::Dataset dataset,
                     client->Call(&Stub::GetDataset, request));
    PrintDataset(dataset, context);
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const VersionedName name,
                   DatasetVersionArgument(context.argument(0)));
  v1::GetDatasetVersionRequest request;
  request.set_dataset(name.name);
  request.set_version(name.version);
  ASSIGN_OR_RETURN(const v1::DatasetVersion version,
                   client->Call(&Stub::GetDatasetVersion, request));
  PrintVersion(version, context);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::Example>> ReadRows(Client& client,
                                                  const VersionedName& name) {
  v1::ReadExamplesRequest request;
  request.set_dataset(name.name);
  request.set_version(name.version);
  std::vector<v1::Example> rows;
  RETURN_IF_ERROR(client.Read(
      &Stub::ReadExamples, request, [&](const v1::ReadExamplesResponse& page) {
        rows.insert(rows.end(), page.examples().begin(), page.examples().end());
        return absl::OkStatus();
      }));
  return rows;
}

// Images are JPEG or PNG by content, whatever they were called.
std::string FileName(const std::string& id, const std::string& image) {
  return id + (absl::StartsWith(image, "\x89PNG") ? ".png" : ".jpg");
}

absl::Status Export(Context& context) {
  ASSIGN_OR_RETURN(const VersionedName name,
                   DatasetVersionArgument(context.argument(0)));
  const std::string& directory = context.argument(1);
  ASSIGN_OR_RETURN(Client * client, context.Server());
  ASSIGN_OR_RETURN(const std::vector<v1::Example> rows,
                   ReadRows(*client, name));
  std::set<std::string> attributes;
  for (const v1::Example& row : rows) {
    for (const auto& [key, value] : row.attributes()) attributes.insert(key);
  }
  Row header = {"image_id", "label", "split", "group"};
  header.insert(header.end(), attributes.begin(), attributes.end());
  std::string labels = CsvLine(header);

  // Images are asked for in pieces: a request names at most 4096.
  constexpr size_t kPiece = 256;
  Progress progress(context.terminal(), "export " + name.ToString());
  for (size_t begin = 0; begin < rows.size(); begin += kPiece) {
    const size_t end = std::min(begin + kPiece, rows.size());
    v1::ReadImagesRequest request;
    for (size_t i = begin; i < end; ++i) {
      request.add_digests(rows[i].image_digest());
    }
    size_t at = begin;
    RETURN_IF_ERROR(client->Read(
        &Stub::ReadImages, request, [&](const v1::ReadImagesResponse& image) {
          if (at == end || image.digest() != rows[at].image_digest()) {
            return absl::InternalError(
                "the server sent other images than asked "
                "for; export again");
          }
          return WriteFile(
              directory + "/images/" + FileName(rows[at++].id(), image.image()),
              image.image());
        }));
    if (at != end) {
      return absl::InternalError(
          "the server sent fewer images than asked for; export again");
    }
    progress.Update(static_cast<int64_t>(end),
                    static_cast<int64_t>(rows.size()), "images");
  }
  for (const v1::Example& row : rows) {
    Row cells = {row.id(), row.label(), SplitName(row.split()), row.group()};
    for (const std::string& attribute : attributes) {
      const auto found = row.attributes().find(attribute);
      cells.push_back(found == row.attributes().end() ? "" : found->second);
    }
    labels += CsvLine(cells);
  }
  RETURN_IF_ERROR(WriteFile(directory + "/labels.csv", labels));
  context.Print({{"dataset", "images", "labels"},
                 {{name.ToString(), absl::StrCat(rows.size()),
                   directory + "/labels.csv"}}},
                {{"dataset", name.ToString()},
                 {"examples", rows.size()},
                 {"images", directory + "/images"},
                 {"labels", directory + "/labels.csv"}});
  return absl::OkStatus();
}

// What differs between two rows of one id: "label, split".
std::string Changes(const v1::Example& a, const v1::Example& b) {
  std::string changes;
  const auto note = [&](bool differs, const char* what) {
    if (differs) absl::StrAppend(&changes, changes.empty() ? "" : ", ", what);
  };
  note(a.image_digest() != b.image_digest(), "image");
  note(a.label() != b.label(), "label");
  note(a.split() != b.split(), "split");
  note(a.group() != b.group(), "group");
  note(ToJson(a)["attributes"].get<std::map<std::string, std::string>>() !=
           ToJson(b)["attributes"].get<std::map<std::string, std::string>>(),
       "attributes");
  return changes;
}

absl::Status Diff(Context& context) {
  ASSIGN_OR_RETURN(const VersionedName before,
                   DatasetVersionArgument(context.argument(0)));
  ASSIGN_OR_RETURN(const VersionedName after,
                   DatasetVersionArgument(context.argument(1)));
  ASSIGN_OR_RETURN(Client * client, context.Server());
  std::map<std::string, std::pair<const v1::Example*, const v1::Example*>>
      pairs;
  ASSIGN_OR_RETURN(const std::vector<v1::Example> old_rows,
                   ReadRows(*client, before));
  ASSIGN_OR_RETURN(const std::vector<v1::Example> new_rows,
                   ReadRows(*client, after));
  for (const v1::Example& row : old_rows) pairs[row.id()].first = &row;
  for (const v1::Example& row : new_rows) pairs[row.id()].second = &row;
  Table table{{"change", "id", "what"}, {}};
  Json json = {{"added", Json::array()},
               {"removed", Json::array()},
               {"changed", Json::array()}};
  for (const auto& [id, pair] : pairs) {
    if (pair.first == nullptr) {
      table.rows.push_back({"added", id, ""});
      json["added"].push_back(id);
    } else if (pair.second == nullptr) {
      table.rows.push_back({"removed", id, ""});
      json["removed"].push_back(id);
    } else if (const std::string changes = Changes(*pair.first, *pair.second);
               !changes.empty()) {
      table.rows.push_back({"changed", id, changes});
      json["changed"].push_back({{"id", id}, {"what", changes}});
    }
  }
  context.Say(absl::StrCat(json["added"].size(), " added, ",
                           json["removed"].size(), " removed, ",
                           json["changed"].size(), " changed"));
  context.Print(table, json);
  return absl::OkStatus();
}

absl::Status Delete(Context& context) {
  v1::DeleteDatasetRequest request;
  request.set_request_id(RandomHex(16));
  request.set_name(context.argument(0));
  if (absl::StrContains(context.argument(0), "@")) {
    ASSIGN_OR_RETURN(const VersionedName name,
                     DatasetVersionArgument(context.argument(0)));
    request.set_name(name.name);
    request.set_version(name.version);
  }
  if (!context.line().On("yes")) {
    return UsageError(
        absl::StrCat("this deletes ", context.argument(0),
                     request.version() == 0 ? " with all its versions" : "",
                     " for ever; add --yes if that is meant"));
  }
  ASSIGN_OR_RETURN(Client * client, context.Server());
  ASSIGN_OR_RETURN(const v1::DeleteDatasetResponse response,
                   client->Call(&Stub::DeleteDataset, request));
  context.Print(
      {{"deleted", "images freed"},
       {{context.argument(0), absl::StrCat(response.images_freed())}}},
      {{"deleted", context.argument(0)},
       {"images_freed", response.images_freed()}});
  return absl::OkStatus();
}

}  // namespace

std::vector<Command> DatasetCommands() {
  return {
      {"dataset split",
       "NAME",
       "Draw the split of a draft anew, by group",
       "A group falls whole into one split; labels are spread evenly. The same "
       "draft, fractions and seed give the same split.",
       {Flag::Number("train", "fraction to learn from").Required(),
        Flag::Number("validation", "fraction that chooses").Required(),
        Flag::Number("test", "fraction opened once, at the end").Default("0"),
        Flag::Integer("seed", "decides the draw").Default("0")},
       {"nevus dataset split ham --train 0.8 --validation 0.2 --seed 1"},
       Split},
      {"dataset seal",
       "NAME",
       "Make an immutable version of a draft",
       "The same content again gives the version that is there.",
       {},
       {"nevus dataset seal isic"},
       Seal},
      {"dataset list",
       "",
       "List datasets",
       "",
       {},
       {"nevus dataset list --output json"},
       List},
      {"dataset show",
       "NAME[@N]",
       "Show a dataset or one of its versions",
       "",
       {},
       {"nevus dataset show isic@1"},
       Show},
      {"dataset export",
       "NAME@N DIR",
       "Write a version's images and labels",
       "Writes DIR/images and DIR/labels.csv, which can be imported again with "
       "--label-column label --split-column split --group-column group.",
       {},
       {"nevus dataset export isic@1 isic-copy"},
       Export},
      {"dataset diff",
       "NAME@A NAME@B",
       "List the rows that differ between versions",
       "",
       {},
       {"nevus dataset diff isic@1 isic@2"},
       Diff},
      {"dataset delete",
       "NAME[@N]",
       "Delete a dataset or one of its versions",
       "Images that nothing else uses are freed. Features and models stay.",
       {Flag::Switch("yes", "really delete")},
       {"nevus dataset delete isic@1 --yes"},
       Delete}};
}

}  // namespace nevus
