// Package app is the EMC chain: it names the modules, connects their keepers
// and fixes the order in which they run.
package app

import (
	"fmt"
	"os"
	"path/filepath"

	dbm "github.com/cosmos/cosmos-db"
	"github.com/cosmos/gogoproto/proto"
	"github.com/spf13/cast"

	"cosmossdk.io/log/v2"

	"github.com/cosmos/cosmos-sdk/baseapp"
	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/flags"
	"github.com/cosmos/cosmos-sdk/codec"
	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	"github.com/cosmos/cosmos-sdk/runtime"
	servertypes "github.com/cosmos/cosmos-sdk/server/types"
	storetypes "github.com/cosmos/cosmos-sdk/store/v2/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/module"
	"github.com/cosmos/cosmos-sdk/types/msgservice"
	"github.com/cosmos/cosmos-sdk/version"

	"github.com/edgematrix/emc/app/mempool"
	"github.com/edgematrix/emc/app/params"
	"github.com/edgematrix/emc/app/upgrades"
)

// Name is the application's name, as written into every genesis file.
const Name = params.AppName

var _ servertypes.Application = (*App)(nil)

// App is the EMC chain application.
type App struct {
	*baseapp.BaseApp
	Keepers

	legacyAmino       *codec.LegacyAmino
	appCodec          codec.Codec
	txConfig          client.TxConfig
	interfaceRegistry codectypes.InterfaceRegistry

	keys    map[string]*storetypes.KVStoreKey
	objKeys map[string]*storetypes.ObjectStoreKey

	moduleManager     *module.Manager
	basicManager      module.BasicManager
	simulationManager *module.SimulationManager
	configurator      module.Configurator

	pool *mempool.Pool
}

// DefaultHome is where a node keeps its files when no --home is given.
func DefaultHome() string {
	home, err := os.UserHomeDir()
	if err != nil {
		// Without a home directory (a bare container) the node still starts,
		// beside whatever it was started from.
		home = "."
	}
	return filepath.Join(home, "."+params.AppName)
}

// New builds the application on db. With loadLatest it is ready to serve at the
// last committed height; without, the caller loads a height of its choice.
// It panics on wiring errors, which no user can cause, and with a *LoadError.
func New(
	logger log.Logger,
	db dbm.DB,
	loadLatest bool,
	appOpts servertypes.AppOptions,
	baseAppOptions ...func(*baseapp.BaseApp),
) *App {
	enc := MakeEncodingConfig()

	bApp := baseapp.NewBaseApp(Name, logger, db, enc.TxConfig.TxDecoder(), baseAppOptions...)
	bApp.SetVersion(version.Version)
	bApp.SetInterfaceRegistry(enc.InterfaceRegistry)
	bApp.SetTxEncoder(enc.TxConfig.TxEncoder())

	app := &App{
		BaseApp:           bApp,
		legacyAmino:       enc.Amino,
		appCodec:          enc.Codec,
		txConfig:          enc.TxConfig,
		interfaceRegistry: enc.InterfaceRegistry,
		keys:              storetypes.NewKVStoreKeys(storeKeys()...),
		objKeys:           storetypes.NewObjectStoreKeys(objectStoreKeys()...),
	}
	if err := bApp.RegisterStreamingServices(appOpts, app.keys); err != nil {
		panic(err)
	}
	app.setExecutor(appOpts)
	app.setKeepers(appOpts, logger)
	app.setMempool(appOpts)
	app.setModules()
	app.setServices()

	app.MountKVStores(app.keys)
	app.MountObjectStores(app.objKeys)
	app.SetInitChainer(app.InitChainer)
	app.SetPreBlocker(app.PreBlocker)
	app.SetBeginBlocker(func(ctx sdk.Context) (sdk.BeginBlock, error) { return app.moduleManager.BeginBlock(ctx) })
	app.SetEndBlocker(func(ctx sdk.Context) (sdk.EndBlock, error) { return app.moduleManager.EndBlock(ctx) })
	app.setAnteHandler()
	app.setProposals(appOpts, logger)

	files, err := proto.MergedRegistry()
	if err != nil {
		panic(err)
	}
	if err := msgservice.ValidateProtoAnnotations(files); err != nil {
		panic(fmt.Errorf("a message lacks its annotations: %w", err))
	}

	upgrades.Register(app.upgradeContext(cast.ToString(appOpts.Get(flags.FlagHome))))
	if loadLatest {
		if err := app.LoadLatestVersion(); err != nil {
			panic(&LoadError{err})
		}
	}
	return app
}

// LoadError means that the last committed height cannot be loaded. It is the one
// panic of New that a user can cause: with the binary of another version.
type LoadError struct{ cause error }

func (e *LoadError) Error() string {
	return fmt.Sprintf("load the last committed height: %v: is this the binary that the chain runs at this height? "+
		"One that is newer than an upgrade starts only after the older one has stopped for it", e.cause)
}

func (e *LoadError) Unwrap() error { return e.cause }

// setServices registers every module's message and query servers.
func (app *App) setServices() {
	app.configurator = module.NewConfigurator(app.appCodec, app.MsgServiceRouter(), app.GRPCQueryRouter())
	if err := app.moduleManager.RegisterServices(app.configurator); err != nil {
		panic(err)
	}
	registerReflection(app)
}

// upgradeContext is what upgrade handlers may use.
func (app *App) upgradeContext(home string) upgrades.Context {
	return upgrades.Context{
		Home:           home,
		Upgrade:        app.UpgradeKeeper,
		Consensus:      app.ConsensusKeeper,
		ModuleManager:  app.moduleManager,
		Configurator:   app.configurator,
		SetStoreLoader: app.SetStoreLoader,
	}
}

// LoadHeight loads the state of one past height.
func (app *App) LoadHeight(height int64) error { return app.LoadVersion(height) }

// LegacyAmino returns the codec of amino JSON signing.
func (app *App) LegacyAmino() *codec.LegacyAmino { return app.legacyAmino }

// AppCodec returns the protobuf codec.
func (app *App) AppCodec() codec.Codec { return app.appCodec }

// InterfaceRegistry returns the registry of every message and Any type served.
func (app *App) InterfaceRegistry() codectypes.InterfaceRegistry { return app.interfaceRegistry }

// TxConfig returns the transaction encoding and signing configuration.
func (app *App) TxConfig() client.TxConfig { return app.txConfig }

// SimulationManager implements the SDK's simulation app.
func (app *App) SimulationManager() *module.SimulationManager { return app.simulationManager }

// BasicManager returns the modules' codec and genesis parts.
func (app *App) BasicManager() module.BasicManager { return app.basicManager }

// ModuleManager returns the modules in their order.
func (app *App) ModuleManager() *module.Manager { return app.moduleManager }

// GetKey returns the store key of one module, or nil.
func (app *App) GetKey(name string) *storetypes.KVStoreKey { return app.keys[name] }

// GetStoreKeys returns every persistent store's key.
func (app *App) GetStoreKeys() []storetypes.StoreKey {
	keys := make([]storetypes.StoreKey, 0, len(app.keys))
	for _, key := range app.keys {
		keys = append(keys, key)
	}
	return keys
}

// storeService is short for the store that one keeper may write.
func (app *App) storeService(name string) storeService {
	return runtime.NewKVStoreService(app.keys[name])
}
