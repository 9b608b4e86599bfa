package transfer

// WithoutRecipient speaks as clients did before workers encrypted anything.
func WithoutRecipient() Option { return func(c *Client) { c.identity = nil } }
