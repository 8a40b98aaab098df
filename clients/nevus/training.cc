// train, pipeline: what makes models.
#include "clients/nevus/training.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "clients/cpp/wait.h"
#include "clients/nevus/commands.h"
#include "clients/nevus/context.h"
#include "clients/nevus/evaluation.h"
#include "clients/nevus/job_text.h"
#include "clients/nevus/jobs.h"
#include "clients/nevus/operating_points.h"
#include "clients/nevus/sweep.h"

namespace nevus {
namespace {

// --hidden and --seed, or the values that --sweep has of them.
absl::Status SetCandidates(const Invocation& line, v1::TrainRequest* request) {
  ASSIGN_OR_RETURN(v1::Sweep sweep, ParseSweep(line.All("sweep")));
  for (const auto& [name, values] : {std::pair("hidden", sweep.hidden_size()),
                                     std::pair("seed", sweep.seed_size())}) {
    if (values > 0 && line.Has(name)) {
      return UsageError(absl::StrCat("--", name, " and --sweep ", name,
                                     "= exclude each other; give one"));
    }
  }
  if (line.Has("hidden")) {
    sweep.add_hidden(static_cast<int32_t>(line.Integer("hidden")));
  }
  if (line.Has("seed")) {
    sweep.add_seed(static_cast<uint64_t>(line.Integer("seed")));
  }
  if (Combinations(sweep) > 1) {
    *request->mutable_sweep() = sweep;
    return absl::OkStatus();
  }
  if (sweep.hidden_size() > 0) request->set_hidden(sweep.hidden(0));
  if (sweep.seed_size() > 0) request->set_seed(sweep.seed(0));
  return absl::OkStatus();
}

absl::StatusOr<v1::TrainRequest> TrainRequestOf(const Context& context) {
  const Invocation& line = context.line();
  ASSIGN_OR_RETURN(const VersionedName dataset,
                   VersionArgument("dataset", context.argument(0)));
  v1::TrainRequest request;
  SetFeatures(line, dataset, &request);
  request.set_model(line.Text("model"));
  request.set_positive(line.Text("positive"));
  RETURN_IF_ERROR(SetCandidates(line, &request));
  ASSIGN_OR_RETURN(*request.mutable_operating_points(),
                   ParseOperatingPoints(line.All("operating-point")));
  if (line.Has("abstain-rate")) {
    request.set_ood_rate(line.Number("abstain-rate"));
  }
  return request;
}

absl::Status Train(Context& context) {
  ASSIGN_OR_RETURN(const v1::TrainRequest request, TrainRequestOf(context));
  ASSIGN_OR_RETURN(Client * client, context.Server());
  ASSIGN_OR_RETURN(const v1::Job job,
                   client->Call(&v1::TrainingService::Stub::Train, request));
  return ReportSubmitted(job, context);
}

void PrintJobs(const v1::RunPipelineResponse& response, Context& context) {
  Table table{{"job", "state", "title", "waits for"}, {}};
  for (const v1::Job& job : response.jobs()) {
    table.rows.push_back({job.id(), v1::JobState_Name(job.state()), job.title(),
                          job.reason_message()});
  }
  context.Print(table, ToJson(response));
}

// Follows the jobs in turn, and returns what the training one made.
absl::StatusOr<VersionedName> FollowToModel(
    const v1::RunPipelineResponse& response, Context& context) {
  std::string made;
  for (int i = 0; i < response.jobs_size(); ++i) {
    const v1::Job& job = response.jobs(i);
    ASSIGN_OR_RETURN(const v1::Job ended, WatchToEnd(context, job.id()));
    if (const absl::Status error = JobError(ended); !error.ok()) {
      return Annotate(error,
                      absl::StrCat("step ", i + 1, " of ", response.jobs_size(),
                                   " (", job.title(), ")"));
    }
    if (job.kind() == v1::TRAINING) made = ended.result();
  }
  absl::StatusOr<VersionedName> model = ParseVersion("model", made);
  if (model.ok()) return model;
  return absl::InternalError(absl::StrCat(
      "all jobs succeeded, but the training names no model (",
      model.status().message(), "); look with `nevus model list`"));
}

absl::Status Pipeline(Context& context) {
  const Invocation& line = context.line();
  v1::RunPipelineRequest request;
  ASSIGN_OR_RETURN(*request.mutable_train(), TrainRequestOf(context));
  request.set_request_id(request.train().request_id());
  request.mutable_train()->clear_request_id();  // it is not read
  request.set_split(line.Text("split"));
  ASSIGN_OR_RETURN(Client * client, context.Server());
  ASSIGN_OR_RETURN(
      const v1::RunPipelineResponse response,
      client->Call(&v1::TrainingService::Stub::RunPipeline, request));
  if (!line.On("wait") && !line.Has("report")) {
    PrintJobs(response, context);
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const VersionedName model, FollowToModel(response, context));
  v1::GetEvaluationRequest found;
  found.set_model(model.name);
  found.set_model_version(model.version);
  found.set_dataset(request.train().dataset());
  found.set_dataset_version(request.train().version());
  found.set_split(request.split());
  return ShowEvaluation(found, context);
}

// What train and pipeline share.
std::vector<Flag> TrainFlags() {
  std::vector<Flag> flags = FeatureFlags();
  for (const Flag& flag :
       {Flag::Text("model", "M", "name of the model").Required(),
        Flag::Text("positive", "CLASS", "the label to find").Required(),
        Flag::Integer("hidden",
                      "units of the hidden layer; 0 is logistic "
                      "regression (default 256)")
            .Between(0, kMaxHidden),
        Flag::Integer("seed", "decides everything random (default 0)"),
        Flag::Text("sweep", "NAME=VALUES",
                   "try each combination of these values of hidden or seed, "
                   "such as hidden=0,64,256 or seed=1..5, and keep the best by "
                   "validation AUC")
            .Repeated(),
        Flag::Text("operating-point", "NAME:RULE",
                   "a named threshold, chosen on validation: "
                   "screening:sensitivity=0.95, biopsy:specificity=0.9, "
                   "triage:cost=10 (a miss costs ten false alarms) or "
                   "balanced:youden; the first is the default (without any: "
                   "youden, sensitivity_95)")
            .Repeated(),
        Flag::Number("abstain-rate",
                     "the share of validation on which the model abstains as "
                     "unlike its training (default 0.02)"),
        PriorityFlag()}) {
    flags.push_back(flag);
  }
  return flags;
}

}  // namespace

absl::StatusOr<VersionedName> VersionArgument(const std::string& what,
                                              const std::string& text) {
  absl::StatusOr<VersionedName> parsed = ParseVersion(what, text);
  if (!parsed.ok()) return UsageError(std::string(parsed.status().message()));
  return parsed;
}

std::vector<Command> TrainingCommands() {
  std::vector<Flag> train = TrainFlags();
  train.push_back(Flag::Switch("wait", "wait for the job's end"));
  std::vector<Flag> pipeline = TrainFlags();
  for (const Flag& flag :
       {Flag::Text("split", "S", "on which split it is judged")
            .Default("validation")
            .OneOf({"train", "validation"}),
        Flag::Text("report", "FILE.html", "write the report there; waits"),
        Flag::Switch("wait", "wait for the end of the last job")}) {
    pipeline.push_back(flag);
  }
  return {{"train",
           "DATASET@N",
           "Train a classifier on extracted features",
           "Makes the next version of the model. Learns from the split train; "
           "validation chooses. A sweep is one job with a task for each "
           "combination, at most 1,000; `nevus job show` compares them.",
           train,
           {"nevus train isic@1 --backbone vgg16 --model melanoma --positive "
            "melanoma --wait",
            "nevus train isic@1 --backbone vgg16 --model melanoma --positive "
            "melanoma --operating-point screening:sensitivity=0.95 "
            "--operating-point biopsy:specificity=0.9 --wait",
            "nevus train isic@1 --backbone vgg16 --model melanoma --positive "
            "melanoma --sweep hidden=0,64,256 --sweep seed=1..5 --wait"},
           Train},
          {"pipeline",
           "DATASET@N",
           "Extract, train and evaluate, as jobs that wait for each other",
           "One that fails or is cancelled ends those behind it. The split "
           "test is opened by hand: `nevus evaluate`.",
           pipeline,
           {"nevus pipeline isic@1 --backbone vgg16 --model melanoma "
            "--positive melanoma --report r.html --wait"},
           Pipeline}};
}

}  // namespace nevus
