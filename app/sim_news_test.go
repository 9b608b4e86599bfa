package app_test

import "cosmossdk.io/core/comet"

// noNews is what consensus says about a block without evidence and votes.
type noNews struct{}

func (noNews) GetEvidence() comet.EvidenceList { return nobody{} }
func (noNews) GetValidatorsHash() []byte       { return nil }
func (noNews) GetProposerAddress() []byte      { return nil }
func (noNews) GetLastCommit() comet.CommitInfo { return nobodyVoted{} }

type nobody struct{}

func (nobody) Len() int               { return 0 }
func (nobody) Get(int) comet.Evidence { return nil }

type nobodyVoted struct{}

func (nobodyVoted) Round() int32           { return 0 }
func (nobodyVoted) Votes() comet.VoteInfos { return noVotes{} }

type noVotes struct{}

func (noVotes) Len() int               { return 0 }
func (noVotes) Get(int) comet.VoteInfo { return nil }
