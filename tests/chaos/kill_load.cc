#include "tests/chaos/kill_load.h"

#include <cstddef>
#include <iterator>
#include <optional>

#include "base/name.h"
#include "clients/cpp/upload.h"

namespace nevus::chaos {
namespace {

// Images of 32 pixels and an early cut: milliseconds, not seconds, of two cores
// that the restarting servers need.
constexpr int kInputPixels = 32;
constexpr char kCut[] = "block1_pool";
// Another space, so that a worker changes networks too.
constexpr char kOtherCut[] = "block2_pool";
// From so many images on, both classes stand in both splits.
constexpr int kEnoughToTrain = 15;

// Imports much, in batches of which some are more than one of the server's own
// (64), and seals now and then.
void Archive(User& user, const StopSignal& stop) {
  while (!stop.stopped()) {
    const int count = user.OneIn(6) ? 65 + user.Below(15) : 1 + user.Below(12);
    user.Import(count, /*may_give_up=*/true);
    if (user.OneIn(3)) user.Seal();
    stop.WaitFor(absl::Milliseconds(user.Below(100)));
  }
}

// From images to a promoted and evaluated model, over and over, with more
// images each time.
void GoTheWholeWay(User& user, const StopSignal& stop) {
  user.Import(kEnoughToTrain, /*may_give_up=*/false);
  while (!stop.stopped()) {
    user.Import(1 + user.Below(30), /*may_give_up=*/true);
    const std::optional<v1::DatasetVersion> version = user.Seal();
    if (!version) continue;
    const std::optional<Submitted> extraction = user.Extract(*version, kCut);
    if (!extraction || stop.stopped()) continue;
    const std::optional<v1::Job> extracted = user.Await(*extraction);
    // One that failed is judged when all is over.
    if (!extracted || extracted->state() != v1::SUCCEEDED) continue;
    const std::optional<Submitted> training = user.Train(*version, kCut);
    if (!training || stop.stopped()) continue;
    const std::optional<v1::Job> trained = user.Await(*training);
    if (!trained || trained->state() != v1::SUCCEEDED) continue;
    const auto model = ParseVersion("model", trained->result());
    if (!model.ok()) continue;  // the judgement says so
    user.Promote(model->version);
    const std::optional<Submitted> evaluation =
        user.Evaluate(model->version, *version);
    if (evaluation && !stop.stopped() && user.OneIn(2)) user.Await(*evaluation);
  }
}

// Starts extractions and cancels them at any moment.
void ChangeTheMind(User& user, const StopSignal& stop) {
  while (!stop.stopped()) {
    user.Import(1 + user.Below(40), /*may_give_up=*/true);
    const std::optional<v1::DatasetVersion> version = user.Seal();
    if (!version) continue;
    const std::optional<Submitted> job =
        user.Extract(*version, user.OneIn(3) ? kOtherCut : kCut);
    if (!job) continue;
    stop.WaitFor(absl::Milliseconds(user.Below(400)));
    if (!user.OneIn(4)) user.Cancel(*job);
    stop.WaitFor(absl::Milliseconds(user.Below(500)));
  }
}

// Pipelines whose training is a sweep: jobs that wait for each other, many
// tasks, checkpoints that the last of them reads.
void RunStudies(User& user, const StopSignal& stop) {
  user.Import(kEnoughToTrain, /*may_give_up=*/false);
  while (!stop.stopped()) {
    user.Import(1 + user.Below(30), /*may_give_up=*/true);
    const std::optional<v1::DatasetVersion> version = user.Seal();
    if (!version) continue;
    const std::optional<Submitted> last =
        user.RunPipeline(*version, user.OneIn(3) ? kOtherCut : kCut);
    if (last && !stop.stopped()) user.Await(*last);
  }
}

struct Role {
  const char* name;
  void (*play)(User& user, const StopSignal& stop);
};
constexpr Role kRoles[] = {
    {"archive", Archive},
    {"clinic", GoTheWholeWay},
    {"study", RunStudies},
    {"fickle", ChangeTheMind},
};

}  // namespace

Load::Load(Client& client, Ledger& ledger, const Patience& patience,
           uint64_t seed)
    : client_(client) {
  for (const Role& role : kRoles) {
    // No two users of any two rounds have the same seed, so no image comes
    // twice.
    users_.push_back(
        std::make_unique<User>(client, ledger, patience, role.name,
                               seed * std::size(kRoles) + users_.size()));
  }
}

Load::~Load() { Finish(); }

absl::Status Load::Prepare() {
  v1::BackboneUpload upload;
  upload.set_name(kBackbone);
  upload.set_arch("vgg16");
  upload.set_input_size(kInputPixels);
  upload.set_random_seed(0);
  return ImportBackbone(client_, upload, "", nullptr).status();
}

void Load::Start() {
  for (size_t i = 0; i < users_.size(); ++i) {
    threads_.emplace_back([this, i] { kRoles[i].play(*users_[i], stop_); });
  }
}

void Load::Finish() {
  stop_.Stop();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Load::AskAgain() {
  for (const std::unique_ptr<User>& user : users_) user->AskAgain();
}

}  // namespace nevus::chaos
